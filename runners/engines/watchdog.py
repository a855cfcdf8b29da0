"""What keeps one bad machine from eating a sweep: pauses after faults, and an end for legs that hang."""

from __future__ import annotations

import contextlib
import faulthandler
import time
from collections.abc import Iterator

from runners.worker.messages import EpochReport, LegMessage, LegResult
from seatbelt.storage.refusals import SESSION_SECONDS

LONGEST_PAUSE_SECONDS = 600.0
_LEAST_TIMEOUT_SECONDS = 2 * SESSION_SECONDS
"""A bucket that refuses for the moment is no hang."""
_TIMES_LONGEST = 20


class Pauses:
    """Pauses of a process that reports faults: 1 s, 2 s, 4 s, ... up to ten minutes, until an epoch is measured.

    A machine without the data would otherwise take one leg after the other, while sound machines are busy.
    """

    def __init__(self) -> None:
        self._faults = 0

    def after(self, message: LegMessage) -> None:
        """Pause, if a message says that the machine is at fault."""
        if isinstance(message, EpochReport):
            self._faults = 0
        elif isinstance(message, LegResult) and message.outcome == "fault":
            # An engine of several processes ends one whose fault calls for it, and holds its GPU itself.
            pause = min(2.0**self._faults, LONGEST_PAUSE_SECONDS)
            self._faults += 1
            time.sleep(pause)


class Watchdog:
    """Ends this process if a step of a leg takes too long, so that the leg is tried elsewhere.

    The timer is one of the interpreter's own (`faulthandler`): it works also while a call into a library hangs, and
    leaves a traceback in the process's log.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._longest = 0.0

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Watch one step: everything up to the end of the next epoch."""
        faulthandler.dump_traceback_later(self.seconds, exit=True)
        started = time.monotonic()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._longest = max(self._longest, time.monotonic() - started)

    @property
    def seconds(self) -> float:
        """What the next step may take: far longer than any before it, and never more than the limit."""
        if not self._longest:
            return self._seconds
        return min(self._seconds, max(_LEAST_TIMEOUT_SECONDS, _TIMES_LONGEST * self._longest))
