"""State of one trial, of one rung, and of the stages that trials begin with, as the ledger records it."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

from runners.core.events import Planned, Role, StageFound
from seatbelt.records.names import trial_name
from seatbelt.records.tables import FINAL, Status


@dataclass
class TrialState:
    """State of one trial."""

    plan: Planned
    role: Role = "arm"
    status: Status = Status.PLANNED
    scores: list[float] = field(default_factory=list)
    """Selection IoU of epochs 1, 2, ..."""
    best_epoch: int = 0
    committed: int = 0
    """Epochs that are done or assigned to a running leg."""
    attempt: int = 0
    failures: int = 0
    """Legs that an error of the trial ended."""
    losses: int = 0
    """Legs that a lost worker or a machine fault ended since the last measured epoch."""
    machine_faults: int = 0
    """All legs that a lost worker or a machine fault ended."""
    exempt: bool = False
    measured: bool = False
    """It has stopped at a rung or was complete."""
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
    def name(self) -> str:
        """`[7] resnet18 unet, replicate 2`: its number and its name for people."""
        return f"[{self.plan.number}] {trial_name(self.plan.cell, self.plan.replicate, self.role)}"

    @property
    def schedule(self) -> str:
        """How its learning rates change; scores at a rung are compared within one schedule."""
        # Sweeps of the first versions record no schedule.
        return str(self.plan.config.get("optimisation", {}).get("schedule", "plateau"))

    @property
    def epochs_done(self) -> int:
        """Number of recorded epochs."""
        return len(self.scores)

    @property
    def best_score(self) -> float | None:
        """Best selection IoU so far."""
        return self.scores[self.best_epoch - 1] if self.best_epoch else None


@dataclass(frozen=True)
class FaultStreak:
    """Machine faults since the last epoch of any trial."""

    count: int = 0
    since: float = 0.0
    """Time of the first fault."""
    until: float = 0.0
    """Time of the last fault."""
    error: str | None = None
    """Text of the last fault."""

    def longer(self, at: float, error: str | None) -> FaultStreak:
        """Return the streak with one more fault."""
        return FaultStreak(self.count + 1, self.since if self.count else at, at, error)

    def is_long(self, count: int, seconds: float) -> bool:
        """Return whether `count` faults span at least `seconds`."""
        return self.count >= count and self.until - self.since >= seconds


@dataclass(frozen=True)
class FailureStreak:
    """Trials that failed with the same error since the sweep began, until any trial ended otherwise."""

    count: int = 0
    error: str | None = None
    """The error, without its numbers."""
    is_over: bool = False
    """A trial ended otherwise, so that the configuration of the sweep works."""

    def longer(self, error: str) -> FailureStreak:
        """Return the streak with one more failure."""
        if self.is_over or self.error not in (None, error):
            return FailureStreak(is_over=True)
        return FailureStreak(self.count + 1, error)


@dataclass
class RungState:
    """The trials of one schedule that stopped at one rung."""

    waiting: list[tuple[float, int, str]] = field(default_factory=list)
    """Trials to promote: (negative score, number, key), best first."""
    ranking: list[float] = field(default_factory=list)
    """Negative scores of all trials that reached the rung, best first."""
    promoted: int = 0

    @property
    def reached(self) -> int:
        """Number of trials that reached the rung."""
        return len(self.ranking)

    def arrive(self, view: TrialState, epoch: int) -> None:
        """Add a trial that stopped at this rung."""
        entry = _entry(view, epoch)
        bisect.insort(self.waiting, entry)
        bisect.insort(self.ranking, entry[0])

    def leave(self, view: TrialState, epoch: int) -> None:
        """Remove a trial that continues."""
        position = bisect.bisect_left(self.waiting, _entry(view, epoch))
        if position < len(self.waiting) and self.waiting[position][2] == view.key:
            self.waiting.pop(position)
            self.promoted += 1


@dataclass
class StageStates:
    """Stages that trials of the sweep begin with."""

    waiting: dict[str, list[str]] = field(default_factory=dict)
    """Stage -> waiting trials, in the order of planning."""
    stored: dict[str, StageFound] = field(default_factory=dict)
    """Stages that the shared store has."""
    held: dict[str, str] = field(default_factory=dict)
    """Stage -> the other sweep that is training it."""
    ready: set[str] = field(default_factory=set)
    """Stages that trials can begin with."""
    failed: set[str] = field(default_factory=set)
    """Stages that ended without success while trials wait for them."""
    first_user: dict[str, str] = field(default_factory=dict)
    """Stage -> the first trial that needed it."""

    def ask(self, stage: str, trial: str, view: TrialState | None) -> bool:
        """Return whether a trial may begin at once; if not, it now waits for its stage."""
        if stage not in self.ready and stage not in self.first_user and view is None:
            self.first_user[stage] = trial
        if stage in self.ready:
            return True
        self.waiting.setdefault(stage, []).append(trial)
        if view is not None and view.status in FINAL:
            self.failed.add(stage)
        return False

    def make_ready(self, stage: str) -> list[str]:
        """Mark a stage as ready, and return the trials that waited for it."""
        self.ready.add(stage)
        self.failed.discard(stage)
        self.held.pop(stage, None)
        return self.waiting.pop(stage, [])

    def give_up(self, stage: str, trial: str) -> None:
        """Remove a trial that no longer waits."""
        waiting = [key for key in self.waiting.get(stage, ()) if key != trial]
        if waiting:
            self.waiting[stage] = waiting
        else:
            self.waiting.pop(stage, None)
            self.failed.discard(stage)

    def to_train(self, trials: dict[str, TrialState]) -> str | None:
        """Return a stage that trials wait for and nobody trains yet."""
        return next((stage for stage in self.waiting if stage not in trials and stage not in self.held), None)


def score_at(view: TrialState, epoch: int) -> float:
    """Return the best selection IoU of a trial up to an epoch."""
    return max(view.scores[:epoch])


def _entry(view: TrialState, epoch: int) -> tuple[float, int, str]:
    return (-score_at(view, epoch), view.plan.number, view.key)
