"""The one owner of the file names of a sweep, wherever it lies: in a folder, or in a bucket.

A sweep in a bucket has a working copy of its journal and tables in the cache folder of the driver's machine, which
`runners.sweep.mirror` publishes. Everything else is read from and written to the bucket itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from runners.sweep.description import SweepDescription
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
        """Describe where a sweep is, or is to be.

        Args:
            location: A folder, or a URL such as `s3://bucket/sweeps/architecture`.

        Raises:
            UserError: A kind of URL that is not known.
        """
        self.shown = os.fspath(location)
        """The location as it was given, for people."""
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
        """Locked by the one writer."""
        return self.root / "state" / "lock"

    @property
    def events(self) -> Path:
        """TensorBoard's files."""
        return self.root / "tensorboard"

    def sibling(self, name: str) -> SweepFolder:
        """Return the sweep of another name beside this one."""
        return SweepFolder(f"{self.shown.rstrip('/').rpartition('/')[0] or '.'}/{name}")

    def checkpoints(self, trial_key: str) -> Storage:
        """The checkpoints of a trial."""
        return self.storage.within(f"checkpoints/{trial_key}")

    def note_test_read(self, command: str) -> None:
        """Leave a note that test scores were shown; the next driver enters it into the ledger."""
        note = {"command": command, "at": time.time()}
        # A sweep of somebody else may be readable only, or lead out of itself.
        with contextlib.suppress(OSError):
            self.storage.write(f"{_TEST_READS}/{time.time_ns()}-{os.getpid()}.json", json.dumps(note).encode())

    def test_notes(self) -> list[tuple[str, float, str]]:
        """Return the notes that no driver has entered yet: command, time, name of the file."""
        found = []
        for name in self.storage.names(_TEST_READS):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(self.storage.read(name))
                found.append((str(told["command"]), float(told["at"]), name))
        return found

    def request_stop(self) -> None:
        """Ask whoever drives the sweep to stop."""
        self.storage.write(_STOP, b"")

    def stop_requested(self) -> bool:
        """Return whether somebody asked the driver to stop."""
        try:
            self.storage.read(_STOP)
        except FileNotFoundError:
            return False
        return True

    def forget_stop(self) -> None:
        """Take the request back: it was followed, or is an old one."""
        self.storage.remove(_STOP)

    def check_links(self) -> None:
        """Refuse to write to a folder whose parts lie elsewhere: a sweep of somebody else may link to files of ours.

        Raises:
            UserError: A link within the folder leads out of it, or it holds a pipe or device.
        """
        for name in _strange(self.root, self.root.resolve()):
            raise UserError(
                f"{name} leads out of the sweep or is no file; put the file or folder itself there, or link the whole "
                f"sweep instead of {self.root}"
            )

    def check_writable(self, place: Path) -> None:
        """Refuse to put a report or panels where this user may not write, such as the sweep of a colleague.

        Raises:
            UserError: The folder cannot be made or written.
        """
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(f"{existing} cannot be written by this user; say where the files are to go: --out")

    def exists(self) -> bool:
        """Return whether a sweep lies here."""
        try:
            self.storage.read(DESCRIPTION)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def create(self, description: SweepDescription) -> None:
        """Make the folder; the description makes it a sweep.

        Raises:
            UserError: Something else lies there.
        """
        if not self.exists() and self.storage.names():
            self._check_not_lost()
            raise UserError(f"{self.shown} exists and is no sweep; choose another --name or --out")
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
        """Write a description in place of the one that lies there."""
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
            raise UserError(f"{self.shown} is no sweep: it has no sweep.json; `seatbelt sweep` makes one") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise UserError(
                    f"{self.shown}/{DESCRIPTION} has a field {place!r} that this version of seatbelt lacks: install "
                    "the newer version that wrote it here, or, if the file is damaged, restore it from a backup"
                ) from None
            raise UserError(
                f"{self.shown}/{DESCRIPTION} cannot be read ({place or 'file'}: {first['msg']}); restore it from a "
                "backup, or start a new sweep: the tables stay readable"
            ) from None

    def _with_moved_data(self, description: SweepDescription) -> SweepDescription:
        """Return a description with the data sets where they are: folders may have been moved with the sweep."""
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
                refuse_newer_format(f"{self.shown}/{DESCRIPTION}", description.get("format"), FORMAT)

    def identity(self) -> str | None:
        """Return the identity of the sweep, empty for one from before there was any; None where no sweep lies here."""
        return self.describe().identity if self.exists() else None

    def _check_not_lost(self) -> None:
        if any(name.startswith("state/journal") for name in self.storage.names("state")):
            raise UserError(
                f"{self.shown}/{DESCRIPTION} is missing, but the journal of a sweep is there; restore it from a "
                "backup, or begin another sweep under another --name: the tables stay readable"
            )


def _strange(folder: Path, root: Path) -> Iterator[str]:
    """Yield what is neither a file nor a folder, nor a link to something below root."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                if not Path(entry.path).resolve().is_relative_to(root):
                    yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                yield from _strange(Path(entry.path), root)
            elif not entry.is_file(follow_symlinks=False):
                yield entry.path
