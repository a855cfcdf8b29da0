"""The plan of a sweep, and the forms that a decision takes."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

from runners.core.candidates import CandidateSpace, candidate_space
from runners.core.events import Decided, Event, LegStarted, Outcome, Planned
from runners.core.trial_state import TrialState
from search_spaces.designs import Design, build_design
from search_spaces.space import Cell, Propose, Prune, Space
from seatbelt.config.trial import TrialConfig

LOST_RETRIES = 20
"""A trial fails after losing this many workers in a row without an epoch in between."""

EXCUSED_RETRIES = 200
"""The same if the last loss says nothing about the trial: its GPU loses other legs too, or never worked."""

FAULTS_TO_STOP, FAULT_SECONDS_TO_STOP = 5, 600.0
"""End a session after this many machine faults over this many seconds without a single epoch."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a sweep may spend; None is no limit."""

    trials: int | None = None
    epochs: int | None = None
    hours: float | None = None
    replicates: int = 1
    until: float | None = None
    """End once P(best - recommended <= until) >= sure; `until` in IoU."""
    sure: float = 0.9
    most_replicates: int | None = None
    """Most trials per arm of an adaptive sweep; a replayed sweep has no others."""
    max_epochs: int | None = None
    """Full epochs of a trial after an extension; None for those of the description."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Arms to train again with fresh seeds, to their full epochs."""

    cells: tuple[Cell, ...]
    replicates: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decisions depend on besides the history."""

    space: Space
    base: TrialConfig
    propose: Propose = "exhaustive"
    prune: Prune = "none"
    rungs: tuple[int, ...] = ()
    """Rising epochs at which trials compare; the last one is the full epochs."""
    eta: int = 3
    exempt_every: int = 8
    """In a pruned sweep each cell has one exempt trial, never pruned, in this many replicates."""
    design_name: str = "full"
    baseline: Cell = field(default_factory=dict)
    """The cell that designs and differences refer to."""
    limits: Limits = field(default_factory=Limits)
    retries: int = 2
    """Retries of a trial after an error of its own."""
    same_failures: int = 5
    """The sweep ends if this many trials, its first ones, fail with the same error."""
    confirmation: Confirmation | None = None
    """The arms of a session that only confirms."""

    @property
    def epochs(self) -> int:
        """Full epochs of a trial."""
        return self.base.epochs

    @property
    def hours(self) -> float | None:
        """Limit in hours; None for a confirmation, which no limit of the search binds."""
        return None if self.confirmation is not None else self.limits.hours

    @functools.cached_property
    def design(self) -> Design:
        """The arms of an exhaustive sweep."""
        return build_design(self.space, self.design_name, baseline=self.baseline, seed=self.base.seed)

    @functools.cached_property
    def candidates(self) -> CandidateSpace:
        """The cells that the factorial surrogate can propose."""
        return candidate_space(self.space)

    @property
    def most_trials(self) -> int | None:
        """Number of trials at the end of the sweep, if the plan fixes it."""
        if self.confirmation is not None:
            return len(self.confirmation.cells) * self.confirmation.replicates
        design = len(self.design) * self.limits.replicates if self.propose == "exhaustive" else None
        bounds = [count for count in (design, self.limits.trials) if count is not None]
        return min(bounds) if bounds else None


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A trial from one epoch to another, and the events to record before it starts."""

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
    """Events to record before the next decision; their times are filled in then."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class Wait:
    """Nothing to start until a running leg reports."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The sweep is finished, and these decisions prune its paused trials."""

    reason: str
    pruned: tuple[Decided, ...] = ()


def outcome_of_error(
    plan: Plan,
    view: TrialState,
    kind: Literal["lost", "fault", "error"],
    *,
    final: bool = False,
    excused: bool = False,
) -> Outcome:
    """Return the outcome to record for a leg: one that is tried again, or `failed`.

    Args:
        plan: The sweep's plan.
        view: The trial.
        kind: `lost` for a worker that died and `fault` for a machine fault, which have many retries because they
            rarely come from the configuration; `error` for an error of the trial.
        final: The same error would come again.
        excused: A loss or fault says nothing about the trial.
    """
    if kind == "error":
        return "error" if view.failures < plan.retries and not final else "failed"
    return kind if view.losses < (EXCUSED_RETRIES if excused else LOST_RETRIES) else "failed"
