"""Keeps one bad machine from consuming a sweep: pauses after faults, and ends legs that hang."""

from __future__ import annotations

import contextlib
import faulthandler
import time
from collections.abc import Iterator

from runners.worker.messages import EpochReport, LegMessage, LegResult
from seatbelt.storage.refusals import SESSION_SECONDS

LONGEST_PAUSE_SECONDS = 600.0
_LEAST_TIMEOUT_SECONDS = 2 * SESSION_SECONDS
"""Shortest timeout, so that a bucket that refuses for the moment is no hang."""
_TIMES_LONGEST = 20


class Pauses:
    """Pauses a process after each fault: 1 s, 2 s, 4 s, ... up to ten minutes, until it measures an epoch.

    A machine without the data would otherwise take one leg after the other while sound machines are busy.
    """

    def __init__(self) -> None:
        self._faults = 0

    def after(self, message: LegMessage) -> None:
        """Pause if a message reports a machine fault."""
        if isinstance(message, EpochReport):
            self._faults = 0
        elif isinstance(message, LegResult) and message.outcome == "fault":
            # The Ray engine handles faults that end a process, and holds its GPU.
            pause = min(2.0**self._faults, LONGEST_PAUSE_SECONDS)
            self._faults += 1
            time.sleep(pause)


class Watchdog:
    """Ends this process if a step of a leg takes too long, so that the leg is tried elsewhere.

    The interpreter's own timer (`faulthandler`) also works while a call into a library hangs, and leaves a traceback in
    the log of the process.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._longest = 0.0

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Watch one step, up to the end of the next epoch."""
        faulthandler.dump_traceback_later(self.seconds, exit=True)
        started = time.monotonic()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._longest = max(self._longest, time.monotonic() - started)

    @property
    def seconds(self) -> float:
        """Timeout of the next step: far longer than any step before, but at most the limit."""
        if not self._longest:
            return self._seconds
        return min(self._seconds, max(_LEAST_TIMEOUT_SECONDS, _TIMES_LONGEST * self._longest))
