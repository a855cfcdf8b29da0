"""Which GPUs lose leg after leg, and for how long they are left out.

A GPU that is broken fails at once and is free again, so that it would take one leg after the other while sound ones
are busy for hours. After three losses without one epoch between it is held for a while, twice as long each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runners.worker.messages import Place

LOSSES_TO_HOLD = 3
FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS = 60.0, 3600.0
"""While others work."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 600.0
"""While none does: nothing is gained by leaving it out for long."""
LATELY_SECONDS = 600.0
"""So long after its last epoch a place without a leg counts as one that works."""


@dataclass
class _Record:
    losses: int = 0
    """Since the last epoch that was measured here."""
    trials: set[str] = field(default_factory=set)
    """Whose legs these were."""
    worked_at: float | None = None
    """When an epoch was measured here last; None for never."""
    until: float = 0.0
    """Time at which it is tried again."""


class Places:
    """The places of one session, by what became of the legs there. Only those with GPUs are ever held."""

    def __init__(
        self,
        publish: Callable[[dict[str, float]], None],
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with no place.

        Args:
            publish: Takes what is held now, key -> time at which that ends, for workers to read.
            tell: Takes what the user is to know.
            clock: The time; workers compare it with theirs.
        """
        self._publish, self._tell, self._clock = publish, tell, clock
        self._records: dict[str, _Record] = {}
        self._workers: dict[str, Place] = {}

    def placed(self, worker: str, place: Place) -> None:
        """Take in where a worker is."""
        self._workers[worker] = place

    def gone(self, worker: str) -> None:
        """Take in that a worker ended without a loss."""
        self._workers.pop(worker, None)

    def measured(self, worker: str) -> None:
        """Take in that a worker measured an epoch."""
        place = self._workers.get(worker)
        if place is None:
            return
        before = self._records.get(place.key, _Record())
        self._records[place.key] = _Record(worked_at=self._clock())
        if before.losses >= LOSSES_TO_HOLD:
            self._tell(f"{place} works again")
            self._publish(self._held())

    def lost(self, worker: str, trial: str, reason: str) -> Place | None:
        """Take in that a worker lost its leg, hold its place if that happens again and again, and return the place."""
        place = self._workers.pop(worker, None)
        if place is None or not place.gpus:
            return place
        record = self._records.setdefault(place.key, _Record())
        record.losses += 1
        record.trials.add(trial)
        if record.losses >= LOSSES_TO_HOLD:
            seconds = self._hold_seconds(place, record.losses)
            record.until = self._clock() + seconds
            self._publish(self._held())
            self._tell(
                f"{place} lost {record.losses} legs without one epoch and is left out for {seconds:.0f} s, then tried "
                f"again; the last time: {reason}"
            )
        return place

    def others_work(self, place: Place) -> bool:
        """Return whether another place has a leg, or had one lately, and has lost none since it measured an epoch."""
        lately = self._clock() - LATELY_SECONDS
        working = {other.key for other in self._workers.values()}
        working |= {key for key, record in self._records.items() if record.worked_at and record.worked_at > lately}
        return any(key != place.key and not self._records.get(key, _Record()).losses for key in working)

    def is_to_blame(self, place: Place, trial: str) -> bool:
        """Return whether a loss says nothing about the trial: the place never worked, or loses others' legs too."""
        record = self._records.get(place.key)
        return record is not None and (record.worked_at is None or record.trials != {trial})

    def _hold_seconds(self, place: Place, losses: int) -> float:
        times = 2.0 ** (losses - LOSSES_TO_HOLD)
        if self.others_work(place):
            return min(FIRST_HOLD_SECONDS * times, LONGEST_HOLD_SECONDS)
        return min(FIRST_PAUSE_SECONDS * times, LONGEST_PAUSE_SECONDS)

    def _held(self) -> dict[str, float]:
        now = self._clock()
        return {key: record.until for key, record in self._records.items() if record.until > now}
