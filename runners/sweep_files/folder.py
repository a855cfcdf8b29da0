"""The only owner of a sweep's file names, in a folder or in a bucket.

A sweep in a bucket has a working copy of its journal and tables in the cache folder of the driver's machine, which
`runners.sweep_files.mirror` publishes. Everything else is read from and written to the bucket itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from runners.sweep_files.description import SweepDescription
from seatbelt.errors import UserError, refuse_newer_format
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.records.identity import content_hash
from seatbelt.records.sweep import FORMAT
from seatbelt.records.tables import TABLES
from seatbelt.storage.base import LocalStorage, Storage, is_remote, open_storage

DESCRIPTION = "sweep.json"
_STOP = "state/stop"
_TEST_READS = "state/test-read"


class SweepFolder:
    """Paths and small files of one sweep."""

    def __init__(self, location: str | os.PathLike[str]) -> None:
        """Name the place of a sweep, which need not exist.

        Args:
            location: A folder, or a URL such as `s3://bucket/sweeps/architecture`.

        Raises:
            UserError: An unknown kind of URL.
        """
        self.name = os.fspath(location)
        """The location as the user wrote it."""
        self.remote = is_remote(location)
        if self.remote:
            self.storage: Storage = open_storage(location)
            self.root = cache_folder() / "sweeps" / content_hash(self.storage.location)[:16]
        else:
            self.root = Path(location)
            self.storage = LocalStorage(self.root, self.root / "state" / "tmp")

    @property
    def location(self) -> str:
        """Absolute path or URL, for other processes and machines."""
        return self.storage.location

    @property
    def files(self) -> LocalStorage:
        """The journal and the tables, on this machine."""
        return LocalStorage(self.root, self.root / "state" / "tmp")

    @property
    def journal(self) -> Path:
        """The ledger."""
        return self.root / "state" / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """The file that the one writer locks."""
        return self.root / "state" / "lock"

    @property
    def events(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.root / "tensorboard"

    def sibling(self, name: str) -> SweepFolder:
        """Return the sweep of another name beside this one."""
        return SweepFolder(f"{self.name.rstrip('/').rpartition('/')[0] or '.'}/{name}")

    def checkpoints(self, trial_key: str) -> Storage:
        """The checkpoints of a trial."""
        return self.storage.within(f"checkpoints/{trial_key}")

    def note_test_read(self, command: str) -> None:
        """Leave a note that test scores were shown; a driver moves it into the ledger."""
        note = {"command": command, "at": time.time()}
        # A sweep of another user may be read-only, or hold links that lead out of it.
        with contextlib.suppress(OSError):
            self.storage.write(f"{_TEST_READS}/{time.time_ns()}-{os.getpid()}.json", json.dumps(note).encode())

    def test_notes(self) -> list[tuple[str, float, str]]:
        """Return the notes that no driver has recorded yet: command, time, name of the file."""
        notes = []
        for name in self.storage.names(_TEST_READS):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                note = json.loads(self.storage.read(name))
                notes.append((str(note["command"]), float(note["at"]), name))
        return notes

    def request_stop(self) -> None:
        """Ask the driver of the sweep to stop."""
        self.storage.write(_STOP, b"")

    def stop_requested(self) -> bool:
        """Return whether somebody asked the driver to stop."""
        try:
            self.storage.read(_STOP)
        except FileNotFoundError:
            return False
        return True

    def forget_stop(self) -> None:
        """Remove a request to stop."""
        self.storage.remove(_STOP)

    def check_links(self) -> None:
        """Refuse to write to a folder whose parts lie elsewhere: the sweep of another user may link to files of ours.

        Raises:
            UserError: A link within the folder leads out of it, or it holds a pipe or device.
        """
        for name in _foreign_entries(self.root, self.root.resolve()):
            raise UserError(
                f"{name} leads out of the sweep or is no file; put the file or folder itself there, or link the whole "
                f"sweep instead of {self.root}"
            )

    def check_writable(self, place: Path) -> None:
        """Refuse to write a report or panels where this user may not write, such as in the sweep of a colleague.

        Raises:
            UserError: The folder cannot be made or written.
        """
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(f"{existing} cannot be written by this user; name another folder: --out")

    def exists(self) -> bool:
        """Return whether a sweep lies here."""
        try:
            self.storage.read(DESCRIPTION)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def create(self, description: SweepDescription) -> None:
        """Make the folder and write the description.

        Raises:
            UserError: The folder holds something else.
        """
        if not self.exists() and self.storage.names():
            self._check_not_lost()
            raise UserError(f"{self.name} exists and is no sweep; choose another --name or --out")
        try:
            for name in TABLES:
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            way_out = "set SEATBELT_CACHE to a folder" if self.remote else "name a folder with --out"
            reason = error.strerror or error
            raise UserError(
                f"{error.filename or self.root} cannot be made ({reason}); {way_out} that can be written"
            ) from None
        self.replace(description)

    def replace(self, description: SweepDescription) -> None:
        """Replace the description."""
        if not self.remote:
            root = self.root.resolve()
            data = [
                source.model_copy(update={"from_sweep": os.path.relpath(source.path, root)})
                for source in description.data
            ]
            description = description.model_copy(update={"data": tuple(data)})
        self.storage.write(DESCRIPTION, description.model_dump_json(indent=1).encode())

    def describe(self) -> SweepDescription:
        """Read the description.

        Raises:
            UserError: There is no sweep, or its description cannot be read.
        """
        try:
            text = self.storage.read(DESCRIPTION)
            self._refuse_newer(text)
            return self._with_moved_data(SweepDescription.model_validate_json(text))
        except (FileNotFoundError, NotADirectoryError):
            self._check_not_lost()
            raise UserError(f"{self.name} is no sweep: it has no sweep.json; `seatbelt sweep` makes one") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise UserError(
                    f"{self.name}/{DESCRIPTION} has a field {place!r} that this version of seatbelt lacks: install "
                    "the newer version that wrote it here, or, if the file is damaged, restore it from a backup"
                ) from None
            raise UserError(
                f"{self.name}/{DESCRIPTION} cannot be read ({place or 'file'}: {first['msg']}); restore it from a "
                "backup, or start a new sweep: the tables stay readable"
            ) from None

    def _with_moved_data(self, description: SweepDescription) -> SweepDescription:
        """Return a description with the present places of data sets, which may have moved together with the sweep."""
        if self.remote or all(Path(source.path).exists() for source in description.data):
            return description
        data = []
        for source in description.data:
            moved = (self.root.resolve() / (source.from_sweep or ".")).resolve()
            is_moved = not Path(source.path).exists() and (moved / "dataset.json").is_file()
            data.append(source.model_copy(update={"path": os.fspath(moved)}) if is_moved else source)
        return description.model_copy(update={"data": tuple(data)})

    def _refuse_newer(self, text: bytes) -> None:
        with contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            description = json.loads(text)
            if isinstance(description, dict):
                refuse_newer_format(f"{self.name}/{DESCRIPTION}", description.get("format"), FORMAT)

    def identity(self) -> str | None:
        """Return the identity of the sweep, empty for old sweeps; None if there is no sweep."""
        return self.describe().identity if self.exists() else None

    def _check_not_lost(self) -> None:
        if any(name.startswith("state/journal") for name in self.storage.names("state")):
            raise UserError(
                f"{self.name}/{DESCRIPTION} is missing, but the journal of a sweep is there; restore it from a "
                "backup, or begin another sweep under another --name: the tables stay readable"
            )


def _foreign_entries(folder: Path, root: Path) -> Iterator[str]:
    """Yield entries that are neither files nor folders nor links to something below `root`."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                if not Path(entry.path).resolve().is_relative_to(root):
                    yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                yield from _foreign_entries(Path(entry.path), root)
            elif not entry.is_file(follow_symlinks=False):
                yield entry.path
