"""The ledger: an append-only journal, the only truth of a sweep.

Each line is `<length> <crc32> <json>`; an event is durable when `append` returns. A torn last line, left by
a killed driver, is cut off; damage before it is refused, because what follows it could not be trusted.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from runners.events import Event, from_json, to_json
from runners.sweep_folder import SweepFolder, sync_folder, write_atomically
from seatbelt.errors import SweepHeldError, UserError
from seatbelt.redaction import shown

_UNTRUSTED = "go on with the version that wrote it, or start a new sweep: the tables stay readable"


class Ledger:
    """The writer's side: holds the sweep's lock from opening to closing."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._lock = _take_lock(folder)
        try:
            self.history_events = list(_recover(folder.journal))
        except UserError:
            self._lock.close()
            raise
        self._file: IO[bytes] = folder.journal.open("ab")
        sync_folder(folder.journal.parent)

    def append(self, *events: Event) -> None:
        """Make events durable."""
        self._file.write(b"".join(_line(event) for event in events))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Release the sweep."""
        self._file.close()
        self._folder.holder.unlink(missing_ok=True)
        self._lock.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_events(folder: SweepFolder) -> Iterator[Event]:
    """Yield the events of a sweep without becoming its writer; a torn last line is passed over.

    Raises:
        UserError: The journal is damaged before its end.
    """
    for event, _ in _valid_lines(folder.journal):
        yield event


@contextmanager
def as_recorded(folder: SweepFolder) -> Iterator[None]:
    """Turn whatever events lead to that no driver would write in this order into one error of the user.

    Raises:
        UserError: They contradict each other.
    """
    try:
        yield
    except UserError:
        raise
    except (AssertionError, AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"the events of {folder.journal} contradict each other ({what}); {_UNTRUSTED}") from None


def holder(folder: SweepFolder) -> str | None:
    """Return who writes to the sweep at the moment, in words, or None."""
    try:
        with folder.lock.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _holder_in_words(folder)
    return None


def _take_lock(folder: SweepFolder) -> IO[bytes]:
    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    file = folder.lock.open("ab")
    try:
        # A POSIX record lock: it ends with the process, and forked loader workers do not inherit it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SweepHeldError(
            f"{folder.root} is being written by {_holder_in_words(folder)}; wait for it, or end it with "
            f"`seatbelt stop {folder.root}`"
        ) from None
    who = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    write_atomically(folder.holder, json.dumps(who).encode(), folder.temporary)
    return file


def _holder_in_words(folder: SweepFolder) -> str:
    try:
        who = json.loads(folder.holder.read_bytes())
        minutes = (time.time() - float(who["since"])) / 60
        return shown(f"process {who['pid']} on {who['host']} (for {minutes:.0f} min)")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"


def _recover(journal: Path) -> Iterator[Event]:
    good = 0
    for event, end in _valid_lines(journal):
        good = end
        yield event
    if journal.exists() and journal.stat().st_size > good:
        with journal.open("r+b") as file:
            file.truncate(good)
            os.fsync(file.fileno())


def _valid_lines(journal: Path) -> Iterator[tuple[Event, int]]:
    """Yield events with the offset after their line."""
    if not journal.is_file():
        return
    offset = 0
    torn: tuple[int, int] | None = None
    with journal.open("rb") as file:
        for number, line in enumerate(file, start=1):
            event = _parse(line, f"{journal} line {number}")
            if torn is not None and event is not None:
                raise UserError(
                    f"{journal} is damaged at line {torn[0]} (byte {torn[1]}), before events that were recorded "
                    "later; restore the file from a backup, or start a new sweep: the tables stay readable"
                )
            if event is None:
                torn = torn or (number, offset)
                continue
            offset += len(line)
            yield event, offset


def _line(event: Event) -> bytes:
    text = json.dumps(to_json(event), separators=(",", ":")).encode()
    return b"%d %08x %s\n" % (len(text), zlib.crc32(text), text)


def _parse(line: bytes, where: str) -> Event | None:
    """Return the event of a line, None if the line is torn.

    Raises:
        UserError: The line is whole, but is none that this version writes.
    """
    try:
        length, crc, text = line.split(b" ", 2)
        if not text.endswith(b"\n") or len(text) != int(length) + 1 or zlib.crc32(text[:-1]) != int(crc, 16):
            return None
    except ValueError:
        return None
    try:
        return from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} holds no event of this version of seatbelt ({error}); {_UNTRUSTED}") from None
