"""Storage of files: a folder, or a prefix of a bucket (`s3://bucket/prefix`, `gs://bucket/prefix`).

A storage maps names such as `state/lease.json` to bytes. A write is atomic, and durable when it returns: readers see
the old bytes or the new bytes. Nothing is renamed or appended to, because object stores cannot do that.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from seatbelt.errors import UserError
from seatbelt.storage.refusals import RefusedError

_SCHEMES = ("s3", "gs")
_PART = ".part"


class Storage(Protocol):
    """Files by name. Errors of the storage are OSErrors; a missing file is a FileNotFoundError."""

    @property
    def location(self) -> str:
        """Absolute path or URL; any machine with access can open it with `open_storage`."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""

    def tagged(self, name: str) -> tuple[bytes, object]:
        """Return the bytes of a file and a tag of this version for `swap`."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, replacing any existing one."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a new file; return False and change nothing if the name exists."""

    def swap(self, name: str, data: bytes, tag: object) -> bool:
        """Replace one version of a file; return False and change nothing if the version has changed."""

    def names(self, below: str = "") -> list[str]:
        """Return the sorted names of all files, or of the files in a folder and its subfolders."""

    def size(self) -> int:
        """Return the total size of all files in bytes."""

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""

    def clear(self) -> None:
        """Remove all files."""

    def within(self, folder: str) -> Storage:
        """Return the storage of a folder in this one."""

    def refusal(self) -> tuple[float, RefusedError] | None:
        """Return for how many seconds a bucket has refused requests, and the first refusal; None if it answers."""


def is_remote(location: str | os.PathLike[str]) -> bool:
    """Return whether a location is a bucket rather than a folder."""
    return "://" in os.fspath(location)


def open_storage(location: str | os.PathLike[str]) -> Storage:
    """Return the storage at a path or URL; nothing is read or written yet.

    Raises:
        UserError: The scheme of the URL is unknown, or the URL names no bucket.
    """
    text = os.fspath(location)
    if not is_remote(text):
        return LocalStorage(Path(text))
    scheme, _, rest = text.partition("://")
    if scheme not in _SCHEMES or not rest.partition("/")[0]:
        raise UserError(
            f"{text} is not a location that seatbelt supports; give a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
        )
    from seatbelt.storage.bucket import ObjectStorage

    return ObjectStorage.open(text.rstrip("/"))


class LocalStorage:
    """A folder on a local disk or a shared one (NFS with locks)."""

    def __init__(self, root: Path, temporary: Path | None = None) -> None:
        """Set the folder; the first write creates it.

        Args:
            root: The folder.
            temporary: Folder for files while they are written, below root and on the same file system. None writes them
                beside their final path, under a name that `names` skips.
        """
        self.root = Path(root)
        self._temporary = temporary

    @property
    def location(self) -> str:
        """See Storage."""
        return os.fspath(self.root.resolve())

    def read(self, name: str) -> bytes:
        """See Storage."""
        return read_file(self.root / name)

    def tagged(self, name: str) -> tuple[bytes, object]:
        """See Storage."""
        data = self.read(name)
        return data, hashlib.sha256(data).hexdigest()

    def write(self, name: str, data: bytes) -> None:
        """See Storage."""
        path = self.root / name
        with self._temporary_file(path, data) as part:
            os.replace(part, path)
        sync_folder(path.parent)

    def create(self, name: str, data: bytes) -> bool:
        """See Storage."""
        path = self.root / name
        with self._temporary_file(path, data) as part:
            try:
                os.link(part, path)
            except FileExistsError:
                return False
        sync_folder(path.parent)
        return True

    def swap(self, name: str, data: bytes, tag: object) -> bool:
        """See Storage."""
        lock = self.root / f".{Path(name).name}.lock{_PART}"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as file:
            # The lock belongs to the open file, so it also excludes other threads.
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if self.tagged(name)[1] != tag:
                    return False
            except FileNotFoundError:
                return False
            self.write(name, data)
        return True

    def names(self, below: str = "") -> list[str]:
        """See Storage."""
        paths = (self.root / below).rglob("*")
        return sorted(path.relative_to(self.root).as_posix() for path in paths if _is_whole_file(path))

    def size(self) -> int:
        """See Storage."""
        total = 0
        for path in self.root.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    def remove(self, name: str) -> None:
        """See Storage."""
        (self.root / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """See Storage."""
        shutil.rmtree(self.root, ignore_errors=True)

    def within(self, folder: str) -> LocalStorage:
        """See Storage."""
        return LocalStorage(self.root / folder)

    def refusal(self) -> None:
        """See Storage."""

    @contextlib.contextmanager
    def _temporary_file(self, path: Path, data: bytes) -> Iterator[Path]:
        """Write bytes durably to a temporary file, which is removed afterwards.

        Raises:
            OSError: The file cannot be written, or a link leads out of this storage. The storage may be foreign, and
                its links must not decide where files are written.
        """
        folder = self._temporary or path.parent
        root = self.root.resolve()
        for needed in {folder, path.parent}:
            if not needed.resolve().is_relative_to(root):
                raise PermissionError(f"{needed} leads out of {self.root}: nothing is written there")
            needed.mkdir(parents=True, exist_ok=True)
        part = folder / f"{path.parent.name}-{path.name}.{os.getpid()}-{threading.get_ident()}{_PART}"
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield part
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from None
        finally:
            part.unlink(missing_ok=True)


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        FileNotFoundError: There is no such file, or it is a folder, a pipe or a device.
    """
    # Opening a pipe would wait for a writer, and reading a device may never end.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "is no file", os.fspath(path))
    with os.fdopen(handle, "rb") as file:
        return file.read()


def copy_files(source: Storage, target: Storage) -> None:
    """Copy all files of one storage to another."""
    for name in source.names():
        target.write(name, source.read(name))


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_whole_file(path: Path) -> bool:
    return path.is_file() and path.suffix != _PART
