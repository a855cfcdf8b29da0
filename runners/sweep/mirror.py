"""Publishing the journal and the tables of a sweep in a bucket, from the driver's own copy.

The journal is published in segments, objects that are created and never changed; a segment's name is the offset of
its first byte. Two drivers cannot publish the same offset, so that one that lost its lease without noticing is
stopped by its next write. Tables are whole objects, published after the journal that they are made of.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runners.sweep.evidence import check_shards
from runners.sweep.folder import SweepFolder
from runners.sweep.lease import Lease
from seatbelt.errors import SweepHeldError, UserError
from seatbelt.records.tables import TABLES
from seatbelt.storage.base import Storage
from seatbelt.storage.refusals import SESSION_SECONDS, at_most

_SEGMENTS = "state/journal"
_SIGNATURE = b"sweep "
_COPY_IDENTITY = "state/sweep-identity"
_STAYS = ("state", "aside", "lock", "holder.json", "tmp")
"""What of a foreign copy stays in its place: what belongs to this driver."""

_MOST_SEGMENTS = 64
"""When a driver begins, more segments than these become one."""

_LAST_SECONDS = 60.0
"""So long is the end of a session published at least, however long the bucket has refused before."""

FLUSH_SECONDS = 30.0
"""At most so much is lost if the driver's machine dies with its disk."""


class Mirror:
    """The writer's side of a sweep in a bucket."""

    def __init__(
        self, folder: SweepFolder, lease: Lease, note: Callable[[str], None], *, every: float = FLUSH_SECONDS
    ) -> None:
        """Bring the copy on this machine up to what is published.

        Args:
            folder: The sweep.
            lease: Ours.
            note: Told of what went wrong.
            every: Seconds between two publications.
        """
        self._folder, self._lease, self._note, self._every = folder, lease, note, every
        self._seen: dict[str, tuple[int, int]] = {}
        self._pushed_at = time.monotonic()
        self._failing = False
        """Whether the last publication failed."""
        self._identity = folder.identity() or ""
        self._set_foreign_copy_aside()
        self._published = self._pull()

    def push_if_due(self, flush: Callable[[], None]) -> None:
        """Publish every so often; a storage that does not answer is tried again later, and nothing is lost.

        Args:
            flush: Writes the tables on this machine, to be published as well.

        Raises:
            SweepHeldError: Another driver took the sweep over.
        """
        if time.monotonic() - self._pushed_at >= self._every:
            try:
                flush()
                # The driver must not wait for it: its workers go on.
                with at_most(0):
                    self.push()
            except OSError as error:
                if not self._failing:
                    self._note(f"nothing could be published ({error}); it is kept on this machine and tried again")
                self._failing = True
            self._pushed_at = time.monotonic()

    def push_last(self, *, patient: bool) -> str | None:
        """Publish everything at the end of a session; return what is not published and why, None if all is.

        Args:
            patient: Whether to wait for a bucket that refuses for the moment.

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
                f"Ctrl-C twice leaves that to `seatbelt resume {shlex.quote(self._folder.shown)}`"
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
        sweep = shlex.quote(self._folder.shown)
        return (
            f"{what} are in {self._folder.root} on this machine, but not in {self._folder.shown} ({failure}); once it "
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
            if self._seen.get(name) != version:
                self._folder.storage.write(name, path.read_bytes())
                self._seen[name] = version
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
                f"{self._folder.shown}: another driver published events at byte {self._published} of the journal; this "
                "one stops, and keeps what it measured in its own journal"
            )
        self._published += len(data)

    def _files(self) -> Iterator[Path]:
        for place in (*TABLES, self._folder.events.name):
            yield from (path for path in (self._folder.root / place).rglob("*") if path.is_file())

    def _set_foreign_copy_aside(self) -> None:
        """Make room for this sweep where the copy on this machine is that of another one.

        A bucket may have been emptied, or be one of the same name at another endpoint.
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
                f"the copy on this machine belongs to another sweep that {self._folder.shown} held before; it is kept "
                f"in {aside}"
            )
        files.write(_COPY_IDENTITY, self._identity.encode())

    def _pull(self) -> int:
        storage, files = self._folder.storage, self._folder.files
        published = read_journal(storage, self._identity)
        try:
            ours = self._folder.journal.read_bytes()
        except FileNotFoundError:
            ours = b""
        if not ours.startswith(published):
            if not published.startswith(ours):
                aside = f"state/journal-{time.time_ns()}.jsonl"
                files.write(aside, ours)
                self._note(
                    f"the journal in {self._folder.root} is not what {self._folder.shown} holds: another driver went "
                    f"on meanwhile; it is kept as {aside}"
                )
            files.write("state/journal.jsonl", published)
        for table in TABLES:
            for name in storage.names(table):
                # Readers find new versions of a table laid out as the old ones.
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
        storage: The sweep's.
        identity: The sweep's; None takes any segment.

    Raises:
        UserError: A segment is missing, or is another sweep's.
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
        # After segments were joined, ones that the joined one holds may still be there.
        if start + len(data) > len(whole):
            whole += data[len(whole) - start :]
    return bytes(whole)


def _segment(offset: int) -> str:
    return f"{_SEGMENTS}/{offset:020d}.jsonl"


def _signed(data: bytes, identity: str) -> bytes:
    """Return a segment that begins with a line naming its sweep."""
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
