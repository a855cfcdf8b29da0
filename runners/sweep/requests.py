"""What other commands ask of the driver of a sweep, by files that they leave in its folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from runners.core.events import TestRead
from runners.sweep.folder import SweepFolder
from seatbelt.storage.refusals import RefusedError, at_most

_POLL_SECONDS, _REMOTE_POLL_SECONDS = 0.5, 10.0
"""How often they are looked for: in a folder, and in a bucket, where each look is paid."""


class Requests:
    """The driver's side."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._every = _REMOTE_POLL_SECONDS if folder.remote else _POLL_SECONDS
        self._looked: dict[str, float] = {}
        self._entered: set[str] = set()
        """Names of notes whose event was taken: some could not be removed at once."""

    def stop(self) -> bool:
        """Return whether somebody asked the driver to stop."""
        # A bucket that refuses for the moment is looked at again; the driver must not wait for it.
        with contextlib.suppress(RefusedError), at_most(0):
            return self.is_time("stop") and self._folder.stop_requested()
        return False

    def test_reads(self) -> Iterator[TestRead]:
        """Yield who looked at test scores; a note is removed once its event was taken."""
        if self.is_time("test reads"):
            for command, at, name in self._new_notes():
                yield TestRead(command=command, at=at)
                self._entered.add(name)
                with contextlib.suppress(RefusedError), at_most(0):
                    self._folder.storage.remove(name)

    def _new_notes(self) -> list[tuple[str, float, str]]:
        with contextlib.suppress(RefusedError), at_most(0):
            return [note for note in self._folder.test_notes() if note[-1] not in self._entered]
        return []

    def is_time(self, what: str) -> bool:
        """Return whether to look for something again, and take note that it was looked for."""
        now = time.monotonic()
        if now - self._looked.get(what, -self._every) < self._every:
            return False
        self._looked[what] = now
        return True
