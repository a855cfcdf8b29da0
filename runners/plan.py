"""What to run next: a pure function of the plan and the history. Nothing else decides.

The order of precedence: trials that were interrupted go on; a grid's every cell gets its turn; paused
trials are promoted; further replicates or adaptive proposals follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from runners.events import Decided, LegStarted, Planned
from runners.halving import Promotion, allowed_promotions, next_promotion, rank
from runners.history import History, TrialView, score_at
from runners.propose import Proposal, propose
from search_spaces.space import MOST_ENUMERABLE, Propose, Prune, Space
from seatbelt.config import TrialConfig
from seatbelt.identity import arm_key, trial_key

LOST_RETRIES = 20
"""Workers that a trial may lose in a row, without one epoch between, before it counts as failed."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a sweep may spend; None is no limit."""

    trials: int | None = None
    epochs: int | None = None
    hours: float | None = None
    replicates: int = 1


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
    limits: Limits = field(default_factory=Limits)
    retries: int = 2
    """How often a trial that ended by an error is tried again."""

    @property
    def epochs(self) -> int:
        """Full epochs of a trial."""
        return self.base.epochs

    @property
    def most_trials(self) -> int | None:
        """Number of trials that the sweep ends with, if that is known beforehand."""
        design = self.space.size * self.limits.replicates if self.propose == "exhaustive" else None
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

    def started(self, at: float) -> LegStarted:
        """Return the event of handing it out."""
        return LegStarted(trial_key=self.trial_key, attempt=self.attempt, start=self.start, stop=self.stop, at=at)


@dataclass(frozen=True)
class Wait:
    """Nothing to start until a running leg reports."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The sweep is at its end; paused trials are pruned by these decisions."""

    reason: str
    pruned: tuple[Decided, ...] = ()


def next_leg(plan: Plan, history: History) -> Leg | Wait | Finished:
    """Return what to run next."""
    out_of_time = plan.limits.hours is not None and history.hours_used >= plan.limits.hours
    if out_of_time:
        return Wait() if history.running else _finished(plan, history, "the limit of --hours is reached")
    if history.ready:
        return _continuation(plan, history)
    covering = plan.propose == "exhaustive" and history.next_position < plan.space.size
    leg = _new_trial(plan, history) if covering else None
    leg = leg or _promotion(plan, history, last_call=False)
    leg = leg or (None if covering else _new_trial(plan, history))
    if leg is None and not history.running:
        leg = _promotion(plan, history, last_call=True)
    if leg is not None:
        return leg
    return Wait() if history.running else _finished(plan, history, _end_reason(plan, history))


def outcome_of_error(plan: Plan, view: TrialView, *, lost: bool, final: bool) -> Literal["lost", "error", "failed"]:
    """Return how a leg's error is recorded: to be tried again, or as the end of its trial.

    Args:
        plan: The sweep's plan.
        view: The trial.
        lost: The worker died: no fault of the trial's configuration, as far as one can tell.
        final: The error would come again, such as a file that is missing.
    """
    if lost:
        return "lost" if view.losses < LOST_RETRIES else "failed"
    return "error" if view.failures < plan.retries and not final else "failed"


def _continuation(plan: Plan, history: History) -> Leg:
    view = min((history.trials[key] for key in history.ready), key=lambda v: v.plan.number)
    stop = view.committed or _first_stop(plan, exempt=view.plan.exempt)
    return Leg(
        trial_key=view.key,
        config=TrialConfig.model_validate(view.plan.config),
        start=view.epochs_done,
        stop=stop,
        attempt=view.attempt + 1,
        planned=None,
        decided=Decided(
            kind="continuation",
            by="resume",
            trial_key=view.key,
            epoch=view.epochs_done,
            score=view.best_score,
            reason=f"its leg to epoch {stop} ended early: {view.error or 'the driver stopped'}",
        ),
    )


def _new_trial(plan: Plan, history: History) -> Leg | None:
    most = plan.limits.trials
    if most is not None and len(history.trials) >= most:
        return None
    proposal = propose(
        plan.space, plan.base, plan.propose, history, replicates=plan.limits.replicates, budgets=plan.rungs
    )
    if proposal is None:
        return None
    exempt = plan.prune == "none" or _is_exempt(plan, proposal)
    stop = _first_stop(plan, exempt=exempt)
    affordable = _affordable(plan, history)
    if affordable is not None and stop > affordable:
        return None
    key = trial_key(proposal.config)
    planned = Planned(
        trial_key=key,
        arm_key=arm_key(proposal.config),
        number=len(history.trials),
        position=proposal.position,
        cell=proposal.cell,
        replicate=proposal.replicate,
        config=proposal.config.model_dump(mode="json"),
        exempt=exempt,
        by=plan.propose,
        at=0.0,
    )
    never = "; exempt from pruning" if exempt and plan.prune != "none" else ""
    decided = Decided(kind="proposal", by=plan.propose, trial_key=key, epoch=0, reason=f"{proposal.reason}{never}")
    return Leg(trial_key=key, config=proposal.config, start=0, stop=stop, attempt=1, planned=planned, decided=decided)


def _promotion(plan: Plan, history: History, *, last_call: bool) -> Leg | None:
    if plan.prune == "none":
        return None
    found: Promotion | None = next_promotion(
        history, plan.rungs, plan.eta, last_call=last_call, affordable=_affordable(plan, history)
    )
    if found is None:
        return None
    view = history.trials[found.trial_key]
    decided = Decided(
        kind="promotion",
        by="asha",
        trial_key=found.trial_key,
        epoch=found.rung,
        score=found.score,
        rank=found.rank,
        compared=found.compared,
        allowed=found.allowed,
        reason=f"best of those waiting at epoch {found.rung}; goes on to {found.next_rung}",
    )
    return Leg(
        trial_key=found.trial_key,
        config=TrialConfig.model_validate(view.plan.config),
        start=found.rung,
        stop=found.next_rung,
        attempt=view.attempt + 1,
        planned=None,
        decided=decided,
    )


def _first_stop(plan: Plan, *, exempt: bool) -> int:
    return plan.epochs if exempt or not plan.rungs else plan.rungs[0]


def _affordable(plan: Plan, history: History) -> int | None:
    return None if plan.limits.epochs is None else plan.limits.epochs - history.committed_epochs


def _is_exempt(plan: Plan, proposal: Proposal) -> bool:
    # The quota rotates over the cells, so that each has its exempt trial once in `exempt_every` replicates.
    return (proposal.cell_number + proposal.replicate) % plan.exempt_every == 0


def _finished(plan: Plan, history: History, reason: str) -> Finished:
    pruned = []
    for rung in plan.rungs[:-1]:
        view = history.rungs.get(rung)
        for negative, _, key in view.waiting if view else ():
            assert view is not None
            trial = history.trials[key]
            if trial.status == "PAUSED":
                pruned.append(
                    Decided(
                        kind="prune",
                        by="asha",
                        trial_key=key,
                        epoch=rung,
                        score=score_at(trial, rung),
                        rank=rank(view, -negative),
                        compared=view.reached,
                        allowed=allowed_promotions(view, plan.eta, last_call=False),
                        reason=f"not among the best at epoch {rung} when the sweep ended",
                    )
                )
    return Finished(reason=reason, pruned=tuple(pruned))


def _end_reason(plan: Plan, history: History) -> str:
    if plan.limits.trials is not None and len(history.trials) >= plan.limits.trials:
        return "the limit of --trials is reached"
    affordable = _affordable(plan, history)
    if affordable is not None and affordable < _first_stop(plan, exempt=plan.prune == "none"):
        return "the limit of --epochs is reached"
    if plan.propose == "exhaustive" and plan.space.size <= MOST_ENUMERABLE:
        return "every cell has its trials"
    return "nothing is left to run"
