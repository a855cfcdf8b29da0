"""The ledger: an append-only journal, the only source of truth of a sweep.

Each line is `<length> <crc32> <json>`; an event is durable when `append` returns. A torn last line, left by a killed
driver, is cut off. Any other damage is refused, because nothing after it can be trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn

from runners.core.events import Event
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import events_of, journal_line
from runners.sweep_files.lease import WriterLease, in_words, who_am_i
from runners.sweep_files.lease import holder as lease_holder
from runners.sweep_files.mirror import FLUSH_SECONDS, Mirror
from seatbelt.errors import SweepHeldError
from seatbelt.storage.base import sync_folder

_HOLDER = "state/holder.json"

_LOCKS: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()
"""Lock files of this process: to open and close one again would release its POSIX lock."""


class Ledger:
    """The writer's side: holds the lock of a sweep until it is closed, and the lease of a sweep in a bucket."""

    def __init__(
        self, folder: SweepFolder, note: Callable[[str], None] = lambda _: None, *, publish_every: float = FLUSH_SECONDS
    ) -> None:
        """Become the writer of a sweep and read its events.

        Args:
            folder: The sweep.
            note: Called with the reason of a wait or a problem.
            publish_every: Seconds between publications of a sweep in a bucket.

        Raises:
            SweepHeldError: Another live driver writes to the sweep.
            UserError: The journal is damaged.
        """
        self._folder = folder
        self._lock = _take_lock(folder)
        self._lease: WriterLease | None = None
        self.mirror: Mirror | None = None
        try:
            if folder.remote:
                self._lease = WriterLease(folder.storage, note)
                self.mirror = Mirror(folder, self._lease, note, every=publish_every)
            self.history_events, self._durable = _recover(folder)
        except BaseException:
            self._release()
            raise
        self._file: IO[bytes] | None = folder.journal.open("ab")
        # The first append cuts off a torn end, so that a driver that refuses the sweep changes nothing.
        self._torn = self._file.tell() > self._durable
        self._size = self._file.tell()
        """Size of the journal as this writer left it, bytes."""
        self._failure: OSError | SweepHeldError | None = None
        self.is_lost = False
        """The sweep belongs to another writer or is gone: this one must not write any more."""
        sync_folder(folder.journal.parent)

    def append(self, *events: Event) -> None:
        """Make events durable.

        Raises:
            OSError: They could not be written. Nothing of them remains, and the ledger accepts no more; the next driver
                continues from what is durable.
            SweepHeldError: Another driver writes to the sweep.
        """
        self.check_ownership()
        assert self._file is not None
        try:
            if self._torn:
                os.ftruncate(self._file.fileno(), self._durable)
                self._torn = False
            self._file.write(b"".join(journal_line(event) for event in events))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._failure = OSError(
                f"{self._folder.journal} cannot be written ({error.strerror or error}); what was recorded before is "
                f"safe: mend that, then `seatbelt resume {self._folder.name}`"
            )
            self._give_up()
            raise self._failure from error
        self._durable = self._size = self._file.tell()

    def check_ownership(self) -> None:
        """Check that the journal and the lock are still the files that this writer opened and left.

        Raises:
            OSError: They were removed or changed, or an earlier write failed.
            SweepHeldError: Another driver writes to the sweep.
        """
        if self._file is None:
            raise self._failure or OSError("the ledger is closed")
        journal, lock = self._folder.journal, self._folder.lock
        try:
            size = journal.stat().st_size
            is_ours = _is_at(journal, self._file)
        except OSError as error:
            self._lose(self._removal(str(error)))
        if not is_ours:
            self._lose(self._takeover(f"{journal} is another file than the one that this driver opened"))
        if size != self._size:
            self._lose(self._takeover(f"{journal} has {size} bytes instead of {self._size}"))
        try:
            is_ours = _is_at(lock, self._lock)
        except OSError:
            is_ours = False
        if not is_ours:
            self._lose(self._takeover(f"{lock} was removed or replaced"))

    def close(self) -> None:
        """Release the sweep."""
        if self._file is not None:
            self._file.close()
        if not self.is_lost:
            self._folder.files.remove(_HOLDER)
        self._release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _removal(self, reason: str) -> OSError:
        return OSError(
            f"files of {self._folder.name} were removed while this driver wrote to it ({reason}); it stops and writes "
            "nothing more; restore them from a backup, or begin the sweep again under another --name"
        )

    def _takeover(self, reason: str) -> SweepHeldError:
        return SweepHeldError(
            f"another driver or program writes to {self._folder.name} ({reason}); this one stops and writes nothing "
            f"more; once no driver runs, `seatbelt resume {self._folder.name}` continues"
        )

    def _lose(self, failure: OSError | SweepHeldError) -> NoReturn:
        self._failure, self.is_lost = failure, True
        assert self._file is not None
        self._file.close()
        self._file = None
        raise failure

    def _give_up(self) -> None:
        # Cut off what is half written; if the disk refuses that too, the next writer does it.
        file, self._file = self._file, None
        assert file is not None
        try:
            os.ftruncate(file.fileno(), self._durable)
            # Closing flushes the buffer, so point the descriptor at nothing first.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, file.fileno())
            os.close(null)
            file.close()
        except OSError:
            return

    def _release(self) -> None:
        if self._lease is not None:
            self._lease.release()
        self._lock.close()


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Return whether the file at a path is the open one.

    Raises:
        OSError: There is no file.
    """
    return os.path.samestat(path.stat(), os.fstat(file.fileno()))


def holder(folder: SweepFolder) -> str | None:
    """Return the present writer of the sweep in words; None if there is none."""
    if folder.remote:
        return lease_holder(folder.storage)
    if not folder.lock.is_file():
        return None
    if _is_locked_here(folder.lock):
        return _holder_in_words(folder)
    try:
        # A shared lock needs only the right to read, and a sweep of another user may be read-only.
        with folder.lock.open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _holder_in_words(folder)
    return None


def _take_lock(folder: SweepFolder) -> IO[bytes]:
    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    if _is_locked_here(folder.lock):
        raise _held(folder)
    file = folder.lock.open("ab")
    try:
        # A POSIX record lock: it ends with the process, and forked loader workers do not inherit it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise _held(folder) from None
    _LOCKS.add(file)
    folder.files.write(_HOLDER, json.dumps(who_am_i()).encode())
    return file


def _is_locked_here(lock: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(not file.closed and _is_at(lock, file) for file in list(_LOCKS))
    return False


def _held(folder: SweepFolder) -> SweepHeldError:
    return SweepHeldError(
        f"{folder.name} is being written by {_holder_in_words(folder)}; wait for it, or end it with "
        f"`seatbelt stop {folder.name}`"
    )


def _holder_in_words(folder: SweepFolder) -> str:
    try:
        return in_words(folder.files.read(_HOLDER))
    except OSError:
        return "another process"


def _recover(folder: SweepFolder) -> tuple[list[Event], int]:
    """Return the events and the length of their lines in bytes."""
    if not folder.journal.is_file():
        return [], 0
    with folder.journal.open("rb") as file:
        lines = list(events_of(file, os.fspath(folder.journal), folder))
    return [event for event, _ in lines], lines[-1][1] if lines else 0
