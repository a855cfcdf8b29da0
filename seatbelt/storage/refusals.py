"""How long this process asks again where a bucket refuses, or does not answer, for the moment.

Credentials are rotated, clocks are set, servers are overloaded, and names are not resolved for a while: what was
allowed before will be again. What was never allowed, since this process began, is rather a mistake, and is told soon.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

Request = Literal["read", "list", "write", "remove"]
"""Rights are given for each kind of request, so that each proves itself."""

SESSION_SECONDS = 600.0
"""So long do the driver and the workers of a sweep ask again."""

READING_SECONDS = 30.0
"""So long do commands that only read, where somebody waits for the answer."""

UNPROVEN_SECONDS = 10.0
"""So long is a bucket asked that has never answered: its name or endpoint may be misspelled."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

_SEPARATE_SECONDS = 900.0
"""Refusals that lie so far apart have nothing to do with each other; a worker pauses for less after a fault."""


class RefusedError(OSError):
    """A bucket refused a request, or did not answer, which may pass."""

    def __init__(self, text: str, *, denied: bool = False) -> None:
        """Describe the refusal.

        Args:
            text: What was refused, why, and what to do.
            denied: The credentials do not allow it at the moment.
        """
        super().__init__(text)
        self.denied = denied


@dataclass
class _Patience:
    seconds: float = READING_SECONDS
    trusts: bool = False
    """Whether buckets count as proven from the beginning: another process of this sweep has used them."""


_patience = _Patience()
_thread = threading.local()


def wait_for_buckets(seconds: float, *, trusted: bool = False) -> None:
    """Set how long this process asks again.

    Args:
        seconds: From the first refusal on.
        trusted: Access to the buckets was proven by another process, as by the driver for its workers.
    """
    _patience.seconds, _patience.trusts = seconds, trusted


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let requests of this thread be repeated for so long from now, 0 for not at all."""
    before = getattr(_thread, "deadline", None)
    _thread.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _thread.deadline = before


@dataclass(frozen=True)
class _Streak:
    """Refusals without an answer between."""

    since: float
    last: float
    error: RefusedError
    """The first one: later ones may be mere consequences."""


@dataclass
class Bucket:
    """What a bucket answered lately, to all threads of this process."""

    _proven: set[Request] = field(default_factory=set)
    _streaks: dict[Request, _Streak] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, request: Request) -> None:
        """Take note that a request was answered, whatever the answer."""
        with self._lock:
            self._proven.add(request)
            self._streaks.pop(request, None)

    def refused(self, request: Request, error: RefusedError) -> None:
        """Take note of a refusal, and wait before the request is repeated.

        Raises:
            RefusedError: It was repeated for long enough: the first refusal.
        """
        now = time.monotonic()
        with self._lock:
            streak = self._streaks.get(request)
            if streak is None or now - streak.last > _SEPARATE_SECONDS:
                streak = _Streak(now, now, error)
            self._streaks[request] = replace(streak, last=now)
        remaining = self._deadline(request, streak) - now
        if remaining <= 0:
            raise RefusedError(str(streak.error), denied=streak.error.denied)
        pause = min(max(_SHORTEST_PAUSE, (now - streak.since) / 2), _LONGEST_PAUSE)
        time.sleep(min(pause, remaining))

    def refusal(self) -> tuple[float, RefusedError] | None:
        """Return since how many seconds requests are refused, and the first refusal; None if they are answered."""
        with self._lock:
            first = min(self._streaks.values(), key=lambda streak: streak.since, default=None)
        return None if first is None else (time.monotonic() - first.since, first.error)

    def _deadline(self, request: Request, streak: _Streak) -> float:
        deadline: float | None = getattr(_thread, "deadline", None)
        if deadline is not None:
            return deadline
        if request in self._proven or _patience.trusts:
            return streak.since + _patience.seconds
        return streak.since + (0 if streak.error.denied else min(UNPROVEN_SECONDS, _patience.seconds))
