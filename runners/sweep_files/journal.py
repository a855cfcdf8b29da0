"""Reads the journal of a sweep: lines `<length> <crc32> <json>`, one for each event."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from runners.core.event_json import from_json, to_json
from runners.core.events import Event, SessionOpened
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.mirror import read_journal
from seatbelt.errors import UserError, refuse_impossible

_SESSION = b'{"type":"session"'


def read_events(folder: SweepFolder) -> Iterator[Event]:
    """Yield the events of a sweep without becoming its writer; a torn last line is skipped.

    Raises:
        UserError: The journal is damaged before its end.
    """
    if folder.remote:
        whole = read_journal(folder.storage, folder.identity())
        yield from (event for event, _ in events_of(io.BytesIO(whole), f"{folder.name}/state/journal", folder))
    elif folder.journal.is_file():
        with folder.journal.open("rb") as file:
            yield from (event for event, _ in events_of(file, os.fspath(folder.journal), folder))


def read_sessions(folder: SweepFolder) -> list[SessionOpened]:
    """Return the sessions of a sweep; other lines, of which there may be a million, are not looked at.

    Raises:
        UserError: The line of a session holds no event of this version.
    """
    if folder.remote:
        lines: Iterable[bytes] = io.BytesIO(read_journal(folder.storage, folder.identity()))
    else:
        lines = folder.journal.read_bytes().splitlines(keepends=True) if folder.journal.is_file() else ()
    events = [_parse(line, os.fspath(folder.journal)) for line in lines if _SESSION in line[:60]]
    return [event for event in events if isinstance(event, SessionOpened)]


def as_recorded(folder: SweepFolder) -> AbstractContextManager[None]:
    """Turn errors that come from contradicting events into one `UserError`."""
    return refuse_impossible(
        f"the events of {folder.journal} contradict each other",
        "continue with the version that wrote it, or start a new sweep: the tables stay readable",
    )


def events_of(file: IO[bytes], place: str, folder: SweepFolder) -> Iterator[tuple[Event, int]]:
    """Yield the events of this sweep's journal with the offset after their line.

    Raises:
        UserError: The journal is damaged before its end, or belongs to another sweep.
    """
    identity = folder.identity()
    for event, offset in _valid_lines(file, place):
        if isinstance(event, SessionOpened) and identity is not None and event.sweep != identity:
            raise UserError(
                f"{place} belongs to another sweep: its session on {event.host} wrote to sweep "
                f"{event.sweep or 'without identity'}, but {folder.name} is {identity or 'without identity'}; put the "
                "journal of this sweep back from a backup"
            )
        yield event, offset


def _valid_lines(file: IO[bytes], place: str) -> Iterator[tuple[Event, int]]:
    """Yield events with the offset after their line."""
    offset = 0
    for number, line in enumerate(file, start=1):
        event = _parse(line, f"{place} line {number}")
        if event is None:
            if _is_torn(line) and not file.read(1):
                return
            raise UserError(
                f"{place} is damaged at line {number} (byte {offset}); restore the file from a backup, or start a new "
                "sweep: the tables stay readable"
            )
        offset += len(line)
        yield event, offset


def _is_torn(line: bytes) -> bool:
    """Return whether a line may be the beginning of one that was never finished, and so never acknowledged."""
    if line.endswith(b"\n"):
        return False
    length, _, rest = line.partition(b" ")
    # A line that has all of its bytes was finished once, and damaged later.
    return not rest or not length.isdigit() or len(rest) < 9 + int(length) + 1


def journal_line(event: Event) -> bytes:
    """Return the line of an event."""
    text = json.dumps(to_json(event), separators=(",", ":")).encode()
    return b"%d %08x %s\n" % (len(text), zlib.crc32(text), text)


def _parse(line: bytes, where: str) -> Event | None:
    """Return the event of a line; None if the line is torn.

    Raises:
        UserError: The line is intact but holds no event of this version.
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
        raise UserError(
            f"{where} holds no event of this version of seatbelt ({error}); if the sweep was made by a newer version, "
            "install that here, or start a new sweep: the tables stay readable"
        ) from None
