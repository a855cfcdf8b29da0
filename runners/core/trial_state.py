"""What a history knows of one trial, one rung, and the stages that trials begin with."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

from runners.core.events import Planned, Role, StageFound
from seatbelt.records.tables import FINAL, Status


@dataclass
class TrialView:
    """What the ledger tells of one trial."""

    plan: Planned
    role: Role = "arm"
    status: Status = Status.PLANNED
    scores: list[float] = field(default_factory=list)
    """Selection IoU of epochs 1, 2, ..."""
    best_epoch: int = 0
    committed: int = 0
    """Epochs that are done or handed out."""
    attempt: int = 0
    failures: int = 0
    """Legs that ended by an error of the trial."""
    losses: int = 0
    """Legs that a lost worker or a fault of its machine ended since the last epoch that was measured."""
    machine_faults: int = 0
    """All such legs."""
    exempt: bool = False
    measured: bool = False
    """Whether it has stopped at a rung or was complete."""
    stopped_early: bool = False
    error: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] | None = None
    best_metrics: dict[str, Any] = field(default_factory=dict)
    train_seconds: float = 0.0
    seconds: float = 0.0
    ended_at: float | None = None

    @property
    def key(self) -> str:
        """The trial's key."""
        return self.plan.trial_key

    @property
    def epochs_done(self) -> int:
        """Epochs whose numbers are recorded."""
        return len(self.scores)

    @property
    def best_score(self) -> float | None:
        """Best selection IoU so far."""
        return self.scores[self.best_epoch - 1] if self.best_epoch else None


@dataclass(frozen=True)
class FaultStreak:
    """Faults that machines reported since the last epoch of any trial."""

    count: int = 0
    since: float = 0.0
    """Time of the first one."""
    until: float = 0.0
    """Time of the last one."""
    error: str | None = None
    """What the last one was."""

    def longer(self, at: float, error: str | None) -> FaultStreak:
        """Take in another fault."""
        return FaultStreak(self.count + 1, self.since if self.count else at, at, error)

    def is_long(self, count: int, seconds: float) -> bool:
        """Return whether there are so many over so long a time."""
        return self.count >= count and self.until - self.since >= seconds


@dataclass
class RungView:
    """The trials that stopped at one rung."""

    waiting: list[tuple[float, int, str]] = field(default_factory=list)
    """Not promoted yet: (negative score, number, key), best first."""
    ranking: list[float] = field(default_factory=list)
    """Negative scores of all that reached the rung, best first."""
    promoted: int = 0

    @property
    def reached(self) -> int:
        """Number of trials that reached the rung."""
        return len(self.ranking)

    def arrive(self, view: TrialView, epoch: int) -> None:
        """Take in a trial that stopped here."""
        entry = _entry(view, epoch)
        bisect.insort(self.waiting, entry)
        bisect.insort(self.ranking, entry[0])

    def leave(self, view: TrialView, epoch: int) -> None:
        """Let a trial go on."""
        position = bisect.bisect_left(self.waiting, _entry(view, epoch))
        if position < len(self.waiting) and self.waiting[position][2] == view.key:
            self.waiting.pop(position)
            self.promoted += 1


@dataclass
class StageViews:
    """Stages that trials of the sweep begin with."""

    waiting: dict[str, list[str]] = field(default_factory=dict)
    """Stage -> trials that wait for it, in the order of planning."""
    found: dict[str, StageFound] = field(default_factory=dict)
    """Stages that a shared store has."""
    held: dict[str, str] = field(default_factory=dict)
    """Stages that another sweep is training -> who."""
    ready: set[str] = field(default_factory=set)
    """Stages that can be begun with."""
    failed: set[str] = field(default_factory=set)
    """Stages that ended without success while trials wait for them."""
    first_user: dict[str, str] = field(default_factory=dict)
    """Stage -> the trial for whose sake it was trained."""

    def ask(self, stage: str, trial: str, view: TrialView | None) -> bool:
        """Return whether a trial may begin with its stage at once; else it waits."""
        if stage not in self.ready and stage not in self.first_user and view is None:
            self.first_user[stage] = trial
        if stage in self.ready:
            return True
        self.waiting.setdefault(stage, []).append(trial)
        if view is not None and view.status in FINAL:
            self.failed.add(stage)
        return False

    def make_ready(self, stage: str) -> list[str]:
        """Take in that a stage can be begun with, and return the trials that waited for it."""
        self.ready.add(stage)
        self.held.pop(stage, None)
        return self.waiting.pop(stage, [])

    def give_up(self, stage: str, trial: str) -> None:
        """Take in that a trial no longer waits."""
        left = [key for key in self.waiting.get(stage, ()) if key != trial]
        if left:
            self.waiting[stage] = left
        else:
            self.waiting.pop(stage, None)
            self.failed.discard(stage)

    def to_train(self, known: dict[str, TrialView]) -> str | None:
        """Return a stage that is waited for and that nobody trains yet."""
        return next((stage for stage in self.waiting if stage not in known and stage not in self.held), None)


def score_at(view: TrialView, epoch: int) -> float:
    """Return the best selection IoU of a trial up to an epoch."""
    return max(view.scores[:epoch])


def _entry(view: TrialView, epoch: int) -> tuple[float, int, str]:
    return (-score_at(view, epoch), view.plan.number, view.key)
