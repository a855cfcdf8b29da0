"""The one owner of the file names of a sweep."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from runners.sweep_description import SweepDescription
from seatbelt.errors import UserError
from seatbelt.records import TABLES


class SweepFolder:
    """Paths of one sweep."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @property
    def description_file(self) -> Path:
        """The description, written first."""
        return self.root / "sweep.json"

    @property
    def journal(self) -> Path:
        """The ledger."""
        return self.root / "state" / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Locked by the one writer."""
        return self.root / "state" / "lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock, for people."""
        return self.root / "state" / "holder.json"

    @property
    def stop_request(self) -> Path:
        """Exists when somebody asked the driver to stop."""
        return self.root / "state" / "stop"

    @property
    def temporary(self) -> Path:
        """Files that are being written; same file system as the tables."""
        return self.root / "state" / "tmp"

    @property
    def events(self) -> Path:
        """TensorBoard's files."""
        return self.root / "tensorboard"

    def note_test_read(self, command: str) -> None:
        """Leave a note that test scores were shown; the next driver enters it into the ledger."""
        told = {"command": command, "at": time.time()}
        path = self.root / "state" / "test-read" / f"{time.time_ns()}-{os.getpid()}.json"
        # A sweep of somebody else may be readable only.
        with contextlib.suppress(PermissionError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(told).encode(), self.temporary)

    def test_notes(self) -> list[tuple[str, float, Path]]:
        """Return the notes that no driver has entered yet: command, time, file."""
        found = []
        for path in sorted((self.root / "state" / "test-read").glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(path.read_bytes())
                found.append((str(told["command"]), float(told["at"]), path))
        return found

    def table(self, name: str) -> Path:
        """The folder of a table."""
        return self.root / name

    def checkpoints(self, trial_key: str) -> Path:
        """The checkpoints of a trial."""
        return self.root / "checkpoints" / trial_key

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

    def replace(self, description: SweepDescription) -> None:
        """Write another description in place of the one that lies there."""
        write_atomically(self.description_file, description.model_dump_json(indent=1).encode(), self.temporary)

    def exists(self) -> bool:
        """Return whether a sweep lies here."""
        return self.description_file.is_file()

    def create(self, description: SweepDescription) -> None:
        """Make the folder; the description is written last and atomically."""
        if self.root.exists() and not self.exists() and any(self.root.iterdir()):
            raise UserError(f"{self.root} exists and is no sweep; choose another --name or --out")
        for path in (self.temporary, *(self.table(name) for name in TABLES)):
            path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.description_file, description.model_dump_json(indent=1).encode(), self.temporary)

    def describe(self) -> SweepDescription:
        """Read the description.

        Raises:
            UserError: There is no sweep, or its description cannot be read.
        """
        if not self.exists():
            raise UserError(f"{self.root} is no sweep: it has no sweep.json; `seatbelt sweep` makes one")
        try:
            return SweepDescription.model_validate_json(self.description_file.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise UserError(
                f"{self.description_file} cannot be read ({place or 'file'}: {first['msg']}); restore it from a "
                "backup, or start a new sweep: the tables stay readable"
            ) from None


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


def write_atomically(path: Path, data: bytes, temporary: Path) -> None:
    """Write a file so that readers see the old or the new one, durable when this returns."""
    temporary.mkdir(parents=True, exist_ok=True)
    part = temporary / f"{path.parent.name}-{path.name}.{os.getpid()}"
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
