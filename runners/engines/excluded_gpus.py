"""Excludes GPUs that lose leg after leg, for a while.

A broken GPU fails at once and is free again, so it would take one leg after the other while working GPUs are busy for
hours. After three losses without an epoch in between it is held for a while, twice as long each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runners.worker.messages import Place
from seatbelt.text.wording import counted

LOSSES_TO_HOLD = 3
FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 60.0, 3600.0
"""Bounds of a hold while other places work."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 600.0
"""Bounds of a hold while no other place works, when a long hold gains nothing."""
LATELY_SECONDS = 600.0
"""A place without a leg counts as working for this long after its last epoch."""


@dataclass
class _Record:
    losses: int = 0
    """Losses since the last epoch here."""
    trials: set[str] = field(default_factory=set)
    """Trials that lost these legs."""
    worked_at: float | None = None
    """Time of the last epoch here; None before the first one."""
    until: float = 0.0
    """Time at which the hold ends."""


class Places:
    """The places of one session and the fate of their legs. Only places with GPUs are ever held."""

    def __init__(
        self,
        publish: Callable[[dict[str, float]], None],
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with no place.

        Args:
            publish: Called with the present holds, key -> end time, for workers to read.
            tell: Called with messages for the user.
            clock: Returns the time, which workers compare with theirs.
        """
        self._publish, self._tell, self._clock = publish, tell, clock
        self._records: dict[str, _Record] = {}
        self._workers: dict[str, Place] = {}

    def record_worker(self, worker: str, place: Place) -> None:
        """Record the place of a worker."""
        self._workers[worker] = place

    def forget_worker(self, worker: str) -> None:
        """Record that a worker ended without a loss."""
        self._workers.pop(worker, None)

    def record_epoch(self, worker: str) -> None:
        """Record that a worker measured an epoch."""
        place = self._workers.get(worker)
        if place is None:
            return
        record = self._records.get(place.key, _Record())
        self._records[place.key] = _Record(worked_at=self._clock())
        if record.losses >= LOSSES_TO_HOLD:
            self._tell(f"{place} works again")
            self._publish(self._holds())

    def record_loss(self, worker: str, trial: str, reason: str) -> Place | None:
        """Record that a worker lost its leg, hold its place after repeated losses, and return the place."""
        place = self._workers.pop(worker, None)
        if place is None or not place.gpus:
            return place
        record = self._records.setdefault(place.key, _Record())
        record.losses += 1
        record.trials.add(trial)
        if record.losses >= LOSSES_TO_HOLD:
            seconds = self._hold_seconds(place, record.losses)
            record.until = self._clock() + seconds
            self._publish(self._holds())
            self._tell(
                f"{place} lost {counted(record.losses, 'leg')} without an epoch and is excluded for {seconds:.0f} s, "
                f"then tried again; last reason: {reason}"
            )
        return place

    def others_work(self, place: Place) -> bool:
        """Return whether another place has a leg, or measured an epoch lately, without a loss since."""
        lately = self._clock() - LATELY_SECONDS
        working = {other.key for other in self._workers.values()}
        working |= {key for key, record in self._records.items() if record.worked_at and record.worked_at > lately}
        return any(key != place.key and not self._records.get(key, _Record()).losses for key in working)

    def is_to_blame(self, place: Place, trial: str) -> bool:
        """Return whether a loss says nothing about the trial: the place never worked, or loses legs of others too."""
        record = self._records.get(place.key)
        return record is not None and (record.worked_at is None or record.trials != {trial})

    def _hold_seconds(self, place: Place, losses: int) -> float:
        times = 2.0 ** (losses - LOSSES_TO_HOLD)
        if self.others_work(place):
            return min(FIRST_HOLD_SECONDS * times, LONGEST_HOLD_SECONDS)
        return min(FIRST_PAUSE_SECONDS * times, LONGEST_PAUSE_SECONDS)

    def _holds(self) -> dict[str, float]:
        now = self._clock()
        return {key: record.until for key, record in self._records.items() if record.until > now}
