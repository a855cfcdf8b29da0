"""Publishes the journal and the tables of a sweep in a bucket, from the driver's working copy.

The journal is published in segments: objects that never change, named by the offset of their first byte. Two drivers
cannot publish the same offset, so that the next write stops a driver that lost its lease without noticing. Tables
are whole objects, published after the journal that they are made of.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runners.sweep_files.evidence import check_shards
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.lease import WriterLease
from seatbelt.errors import SweepHeldError, UserError
from seatbelt.records.tables import TABLES
from seatbelt.storage.base import Storage
from seatbelt.storage.refusals import SESSION_SECONDS, at_most

_SEGMENTS = "state/journal"
_SIGNATURE = b"sweep "
_COPY_IDENTITY = "state/sweep-identity"
_STAYS = ("state", "aside", "lock", "holder.json", "tmp")
"""Entries that stay when a copy of another sweep is moved aside, because they belong to this driver."""

_MOST_SEGMENTS = 64
"""A driver joins more segments than this when it begins."""

_LAST_SECONDS = 60.0
"""Shortest time to retry the last publication of a session, however long the bucket has refused before."""

FLUSH_SECONDS = 30.0
"""Seconds between publications: the most that is lost if the driver's machine dies with its disk."""


class Mirror:
    """The writer's side of a sweep in a bucket."""

    def __init__(
        self, folder: SweepFolder, lease: WriterLease, note: Callable[[str], None], *, every: float = FLUSH_SECONDS
    ) -> None:
        """Update the working copy from the bucket.

        Args:
            folder: The sweep.
            lease: WriterLease of this driver.
            note: Called with problems.
            every: Seconds between two publications.
        """
        self._folder, self._lease, self._note, self._every = folder, lease, note, every
        self._pushed: dict[str, tuple[int, int]] = {}
        self._pushed_at = time.monotonic()
        self._failing = False
        """The last publication failed."""
        self._identity = folder.identity() or ""
        self._set_foreign_copy_aside()
        self._published = self._pull()

    def push_if_due(self, flush: Callable[[], None]) -> None:
        """Publish if it is due; a storage that does not answer is retried later, and nothing is lost.

        Args:
            flush: Writes the tables on this machine, which are then published too.

        Raises:
            SweepHeldError: Another driver took the sweep over.
        """
        if time.monotonic() - self._pushed_at >= self._every:
            try:
                flush()
                # The driver must not wait: its workers continue.
                with at_most(0):
                    self.push()
            except OSError as error:
                if not self._failing:
                    self._note(f"nothing could be published ({error}); it is kept on this machine and tried again")
                self._failing = True
            self._pushed_at = time.monotonic()

    def push_last(self, *, patient: bool) -> str | None:
        """Publish everything at the end of a session; return what was not published and why, None if all was.

        Args:
            patient: Wait for a bucket that refuses for the moment.

        Raises:
            SweepHeldError: Another driver took the sweep over.
        """
        try:
            with at_most(0):
                self.push()
            return None
        except OSError as error:
            failure = error
        refusal = self._folder.storage.refusal()
        if patient and refusal is not None:
            seconds = max(_LAST_SECONDS, SESSION_SECONDS - refusal[0])
            self._note(
                f"the end of this session is not published yet ({refusal[1]}); trying for {seconds / 60:.0f} min more: "
                f"Ctrl-C twice leaves that to `seatbelt resume {shlex.quote(self._folder.name)}`"
            )
            try:
                with at_most(seconds):
                    self.push()
                return None
            except OSError as error:
                failure = error
        return self._unpublished(refusal[1] if refusal is not None else failure)

    def _unpublished(self, failure: OSError) -> str:
        with self._folder.journal.open("rb") as file:
            file.seek(self._published)
            events = sum(1 for _ in file)
        what = f"{events} events of the journal and the tables" if events else "the tables"
        sweep = shlex.quote(self._folder.name)
        return (
            f"{what} are in {self._folder.root} on this machine, but not in {self._folder.name} ({failure}); once it "
            f"takes them, `seatbelt resume {sweep}` on this machine publishes them"
        )

    def push(self) -> None:
        """Publish everything that changed.

        Raises:
            SweepHeldError: Another driver took the sweep over.
            OSError: The storage cannot be written.
        """
        self._lease.check()
        self._push_journal()
        for path in sorted(self._files()):
            stat = path.stat()
            name, version = path.relative_to(self._folder.root).as_posix(), (stat.st_mtime_ns, stat.st_size)
            if self._pushed.get(name) != version:
                self._folder.storage.write(name, path.read_bytes())
                self._pushed[name] = version
        if self._failing:
            self._note("published again")
        self._failing = False

    def _push_journal(self) -> None:
        with self._folder.journal.open("rb") as file:
            file.seek(self._published)
            data = file.read()
        if not data:
            return
        if not self._folder.storage.create(_segment(self._published), _signed(data, self._identity)):
            raise SweepHeldError(
                f"{self._folder.name}: another driver published events at byte {self._published} of the journal; this "
                "one stops, and keeps what it measured in its own journal"
            )
        self._published += len(data)

    def _files(self) -> Iterator[Path]:
        for place in (*TABLES, self._folder.events.name):
            yield from (path for path in (self._folder.root / place).rglob("*") if path.is_file())

    def _set_foreign_copy_aside(self) -> None:
        """Move a working copy of another sweep aside.

        The bucket may have been emptied, or be one of the same name at another endpoint.
        """
        root, files = self._folder.root, self._folder.files
        try:
            copied = files.read(_COPY_IDENTITY).decode()
        except FileNotFoundError:
            copied = ""
        if copied != self._identity and self._folder.journal.exists():
            aside = root / "aside" / str(time.time_ns())
            (aside / "state").mkdir(parents=True)
            for path in (*root.iterdir(), *(root / "state").iterdir()):
                if path.name not in _STAYS:
                    path.rename(aside / path.relative_to(root))
            self._note(
                f"the copy on this machine belongs to another sweep that {self._folder.name} held before; it is kept "
                f"in {aside}"
            )
        files.write(_COPY_IDENTITY, self._identity.encode())

    def _pull(self) -> int:
        storage, files = self._folder.storage, self._folder.files
        published = read_journal(storage, self._identity)
        try:
            journal = self._folder.journal.read_bytes()
        except FileNotFoundError:
            journal = b""
        if not journal.startswith(published):
            if not published.startswith(journal):
                aside = f"state/journal-{time.time_ns()}.jsonl"
                files.write(aside, journal)
                self._note(
                    f"the journal in {self._folder.root} is not what {self._folder.name} holds: another driver "
                    f"continued meanwhile; it is kept as {aside}"
                )
            files.write("state/journal.jsonl", published)
        for table in TABLES:
            for name in storage.names(table):
                # Later versions of a table keep the layout of this one for its readers.
                files.write(name, storage.read(name))
        check_shards(self._folder, self._identity)
        self._join_segments(published)
        return len(published)

    def _join_segments(self, published: bytes) -> None:
        segments = self._folder.storage.names(_SEGMENTS)
        if len(segments) <= _MOST_SEGMENTS:
            return
        self._folder.storage.write(_segment(0), _signed(published, self._identity))
        for name in segments:
            if name != _segment(0):
                self._folder.storage.remove(name)


def read_journal(storage: Storage, identity: str | None = None) -> bytes:
    """Return the bytes of a journal that is published in segments.

    Args:
        storage: Storage of the sweep.
        identity: Identity of the sweep; None accepts any segment.

    Raises:
        UserError: A segment is missing or belongs to another sweep.
    """
    whole = bytearray()
    for name in storage.names(_SEGMENTS):
        start = int(name.rpartition("/")[2].removesuffix(".jsonl"))
        if start > len(whole):
            raise UserError(
                f"{storage.location}/{name}: the segment before it is missing (from byte {len(whole)}); restore it "
                "from a backup, or start a new sweep: the tables stay readable"
            )
        data = _unsigned(storage.read(name), identity, f"{storage.location}/{name}")
        # Segments that were joined into one may still be there.
        if start + len(data) > len(whole):
            whole += data[len(whole) - start :]
    return bytes(whole)


def _segment(offset: int) -> str:
    return f"{_SEGMENTS}/{offset:020d}.jsonl"


def _signed(data: bytes, identity: str) -> bytes:
    """Return a segment whose first line names its sweep."""
    return b"%s%s\n%s" % (_SIGNATURE, identity.encode(), data) if identity else data


def _unsigned(segment: bytes, identity: str | None, place: str) -> bytes:
    """Return the part of the journal that a segment holds.

    Raises:
        UserError: It names another sweep.
    """
    if not segment.startswith(_SIGNATURE):
        return segment
    line, _, data = segment.partition(b"\n")
    named = line.removeprefix(_SIGNATURE).decode(errors="replace")
    if identity is not None and named != identity:
        raise UserError(
            f"{place} belongs to another sweep ({named}, this one is {identity or 'older'}); restore this sweep's own "
            "from a backup, or start a new sweep: the tables stay readable"
        )
    return data
