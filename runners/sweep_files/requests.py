"""Requests of other commands to the driver, which they leave as files in the sweep's folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from runners.core.events import TestRead
from runners.sweep_files.folder import SweepFolder
from seatbelt.storage.refusals import RefusedError, at_most

_POLL_SECONDS, _REMOTE_POLL_SECONDS = 0.5, 10.0
"""Seconds between two looks for requests: in a folder, and in a bucket, where each look costs money."""


class Requests:
    """Reads the requests on the driver's side."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._every = _REMOTE_POLL_SECONDS if folder.remote else _POLL_SECONDS
        self._last_look: dict[str, float] = {}
        self._recorded: set[str] = set()
        """Notes that are recorded but could not be removed yet."""

    def stop(self) -> bool:
        """Return whether the driver should stop."""
        # The driver must not wait for a bucket that refuses for the moment.
        with contextlib.suppress(RefusedError), at_most(0):
            return self.is_time("stop") and self._folder.stop_requested()
        return False

    def test_reads(self) -> Iterator[TestRead]:
        """Yield the recorded looks at test scores; a note is removed once its event is recorded."""
        if self.is_time("test reads"):
            for command, at, name in self._new_notes():
                yield TestRead(command=command, at=at)
                self._recorded.add(name)
                with contextlib.suppress(RefusedError), at_most(0):
                    self._folder.storage.remove(name)

    def _new_notes(self) -> list[tuple[str, float, str]]:
        with contextlib.suppress(RefusedError), at_most(0):
            return [note for note in self._folder.test_notes() if note[-1] not in self._recorded]
        return []

    def is_time(self, what: str) -> bool:
        """Return whether it is time to look for a request again; if so, the time starts anew."""
        now = time.monotonic()
        if now - self._last_look.get(what, -self._every) < self._every:
            return False
        self._last_look[what] = now
        return True
