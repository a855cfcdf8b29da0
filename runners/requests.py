"""What other commands ask of the driver of a sweep, by files that they leave in its folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

from runners.events import TestRead
from runners.sweep_folder import SweepFolder

_POLL_SECONDS, _REMOTE_POLL_SECONDS = 0.5, 10.0
"""How often they are looked for: in a folder, and in a bucket, where each look is paid."""


class Requests:
    """The driver's side."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._every = _REMOTE_POLL_SECONDS if folder.remote else _POLL_SECONDS
        self._looked: dict[str, float] = {}

    def stop(self) -> bool:
        """Return whether somebody asked the driver to stop."""
        return self.is_time("stop") and self._folder.stop_requested()

    def test_reads(self) -> Iterator[TestRead]:
        """Yield who looked at test scores; a note is removed once its event was taken."""
        if self.is_time("test reads"):
            for command, at, name in self._folder.test_notes():
                yield TestRead(command=command, at=at)
                self._folder.storage.remove(name)

    def is_time(self, what: str) -> bool:
        """Return whether to look for something again, and take note that it was looked for."""
        now = time.monotonic()
        if now - self._looked.get(what, -self._every) < self._every:
            return False
        self._looked[what] = now
        return True
