"""How long this process repeats requests that a bucket refuses or does not answer.

Credentials are rotated, clocks are set, servers are overloaded, name resolution fails: a request that worked before
will work again. A request that never worked since this process started is probably a mistake and fails soon.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

Request = Literal["read", "list", "write", "remove"]
"""Each kind of request has its own permissions and must succeed once to count as proven."""

SESSION_SECONDS = 600.0
"""Seconds for which the driver and the workers of a sweep repeat requests."""

READING_SECONDS = 30.0
"""Seconds for which commands that only read repeat requests, while a user waits."""

UNPROVEN_SECONDS = 10.0
"""Seconds for which requests to a bucket that never answered are repeated: its name or endpoint may be wrong."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

_SEPARATE_SECONDS = 900.0
"""Refusals further apart than this are unrelated. The pause of a worker after a fault is shorter."""


class RefusedError(OSError):
    """A bucket refused a request or did not answer; this may be temporary."""

    def __init__(self, text: str, *, denied: bool = False) -> None:
        """Create the error.

        Args:
            text: What was refused, why, and what to do.
            denied: True if the current credentials do not allow the request.
        """
        super().__init__(text)
        self.denied = denied


@dataclass
class _Patience:
    seconds: float = READING_SECONDS
    trusts: bool = False
    """True if buckets count as proven from the start, because another process of this sweep has used them."""


_patience = _Patience()
_thread = threading.local()


def wait_for_buckets(seconds: float, *, trusted: bool = False) -> None:
    """Set how long this process repeats requests.

    Args:
        seconds: Time since the first refusal.
        trusted: True if another process has proven access to the buckets, as the driver does for its workers.
    """
    _patience.seconds, _patience.trusts = seconds, trusted


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Repeat requests of this thread for at most this long; 0 for no repetition."""
    before = getattr(_thread, "deadline", None)
    _thread.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _thread.deadline = before


@dataclass(frozen=True)
class _Streak:
    """Consecutive refusals."""

    since: float
    last: float
    error: RefusedError
    """The first refusal; later ones may be consequences of it."""


@dataclass
class Bucket:
    """The recent answers of a bucket to all threads of this process."""

    _proven: set[Request] = field(default_factory=set)
    _streaks: dict[Request, _Streak] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, request: Request) -> None:
        """Record that the bucket answered a request."""
        with self._lock:
            self._proven.add(request)
            self._streaks.pop(request, None)

    def refused(self, request: Request, error: RefusedError) -> None:
        """Record a refusal and wait before the request is repeated.

        Raises:
            RefusedError: The time is over; the first refusal is raised.
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
        """Return for how many seconds requests have been refused, and the first refusal; None if they are answered."""
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
