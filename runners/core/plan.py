"""What decisions depend on besides history, and the forms that a decision takes."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

from runners.core.candidates import Choices, choices_of
from runners.core.events import Decided, Event, LegStarted, Outcome, Planned
from runners.core.trial_state import TrialView
from search_spaces.designs import Design, build
from search_spaces.space import Cell, Propose, Prune, Space
from seatbelt.config.trial import TrialConfig

LOST_RETRIES = 20
"""Workers that a trial may lose in a row, without one epoch between, before it counts as failed."""

EXCUSED_RETRIES = 200
"""The same where the last loss says nothing about the trial, since its GPU loses other legs too or never worked."""

FAULTS_TO_STOP, FAULT_SECONDS_TO_STOP = 5, 600.0
"""A session ends when machines report so many faults over so long, and not one epoch is measured meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a sweep may spend; None is no limit."""

    trials: int | None = None
    epochs: int | None = None
    hours: float | None = None
    replicates: int = 1
    until: float | None = None
    """The sweep ends when the recommended arm is so close to the best, IoU, ..."""
    sure: float = 0.9
    """... with this probability."""
    most_replicates: int | None = None
    """What an arm of an adaptive sweep may have: a recorded sweep that is replayed has no others."""
    max_epochs: int | None = None
    """Full epochs of a trial where the sweep was extended; None is as described."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Arms that are trained again with fresh seeds, to their full epochs."""

    cells: tuple[Cell, ...]
    replicates: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decisions depend on, besides history."""

    space: Space
    base: TrialConfig
    propose: Propose = "exhaustive"
    prune: Prune = "none"
    rungs: tuple[int, ...] = ()
    """Rising epochs at which trials are compared; the last one is the full epochs."""
    eta: int = 3
    exempt_every: int = 8
    """In a pruned sweep each cell has one trial that is never pruned in so many replicates."""
    design_name: str = "full"
    baseline: Cell = field(default_factory=dict)
    """The cell that designs and differences start from."""
    limits: Limits = field(default_factory=Limits)
    retries: int = 2
    """How often a trial that ended by an error is tried again."""
    same_failures: int = 5
    """The sweep ends when so many trials, its first ones, fail with the same error."""
    confirmation: Confirmation | None = None
    """Set in a session that only confirms."""

    @property
    def epochs(self) -> int:
        """Full epochs of a trial."""
        return self.base.epochs

    @property
    def hours(self) -> float | None:
        """Hours that the search may take; a confirmation is bound by no limit of the search."""
        return None if self.confirmation is not None else self.limits.hours

    @functools.cached_property
    def design(self) -> Design:
        """The arms of an exhaustive sweep."""
        return build(self.space, self.design_name, baseline=self.baseline, seed=self.base.seed)

    @functools.cached_property
    def choices(self) -> Choices:
        """The cells that the factorial surrogate can propose."""
        return choices_of(self.space)

    @property
    def most_trials(self) -> int | None:
        """Number of trials that the sweep ends with, if that is known beforehand."""
        if self.confirmation is not None:
            return len(self.confirmation.cells) * self.confirmation.replicates
        design = len(self.design) * self.limits.replicates if self.propose == "exhaustive" else None
        known = [count for count in (design, self.limits.trials) if count is not None]
        return min(known) if known else None


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A trial from one epoch to another, and what is to be recorded before it starts."""

    trial_key: str
    config: TrialConfig
    start: int
    stop: int
    attempt: int
    planned: Planned | None
    decided: Decided

    @property
    def started(self) -> LegStarted:
        """The event of handing it to a worker; its time is filled in when it is recorded."""
        return LegStarted(trial_key=self.trial_key, attempt=self.attempt, start=self.start, stop=self.stop, at=0.0)


@dataclass(frozen=True)
class Record:
    """Events to be written down before the next decision; their times are filled in then."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class Wait:
    """Nothing to start until a running leg reports."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The sweep is at its end; paused trials are pruned by these decisions."""

    reason: str
    pruned: tuple[Decided, ...] = ()


def outcome_of_error(
    plan: Plan,
    view: TrialView,
    kind: Literal["lost", "fault", "error"],
    *,
    final: bool = False,
    excused: bool = False,
) -> Outcome:
    """Return how a leg's end is recorded: to be tried again, or as the end of its trial.

    Args:
        plan: The sweep's plan.
        view: The trial.
        kind: The worker died, its machine reported a fault (neither is the configuration's, as far as one can
            tell, so that there are many retries), or the trial made an error.
        final: The error would come again.
        excused: A loss or fault says nothing about the trial.
    """
    if kind == "error":
        return "error" if view.failures < plan.retries and not final else "failed"
    return kind if view.losses < (EXCUSED_RETRIES if excused else LOST_RETRIES) else "failed"
