"""Decides what runs next: a pure function of the plan and the history, and the only place that decides.

The order: interrupted trials continue; stages that others wait for are trained; every arm of a design gets its turn;
paused trials are promoted; further replicates or adaptive proposals follow.
"""

from __future__ import annotations

from runners.core.events import Adopted, Decided, Role
from runners.core.history import History
from runners.core.legs import further_leg, give_up_dependents, plan_trial, stage_leg
from runners.core.plan import Finished, Leg, Plan, Record, Wait
from runners.core.stopping import affordable_epochs, broken_reason, certain_reason, end_reason, finished, is_certain
from runners.core.strategies import SLOW, Proposal, strategy_of
from runners.core.strategies.proposal import confirm
from runners.core.trial_state import TrialState
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import stage_key, trial_key

Step = Leg | Record | Wait | Finished


def next_leg(plan: Plan, history: History) -> Step:
    """Return what to run next."""
    over = _is_over(plan, history)
    if over is not None:
        return Wait() if history.running else finished(plan, history, over)
    if history.stages.failed:
        return give_up_dependents(history)
    begun = [view for view in _ready(history) if not _is_planned_ahead(view)]
    if begun:
        return _continuation(plan, begun[0])
    step = stage_leg(plan, history) or _search(plan, history)
    if step is not None:
        return step
    if history.running or history.stages.held:
        return Wait()
    return finished(plan, history, end_reason(plan, history))


def plan_ahead(plan: Plan, history: History) -> Record | None:
    """Return the plan of the next trial, to record while no slot is free; None if there is nothing to plan.

    A slow strategy so decides before a slot is free, and misses the one or two scores that arrive meanwhile. A planned
    trial begins when it would have been proposed: after any promotion that is due.
    """
    thinks = plan.confirmation is None and plan.propose in SLOW
    if not thinks or history.ready or history.stages.waiting or history.stages.failed or _is_over(plan, history):
        return None
    step = _new_trial(plan, history)
    if isinstance(step, Leg):
        assert step.planned is not None
        return Record((step.planned, step.decided))
    return step


def _search(plan: Plan, history: History) -> Step | None:
    if plan.confirmation is not None:
        return _next_trial(plan, history)
    step: Step | None = _extension(plan, history)
    covering = plan.propose == "exhaustive" and history.next_position < len(plan.design)
    if step is None and covering:
        step = _next_trial(plan, history)
    step = step or _promotion(plan, history, last_call=False)
    if step is None and not covering:
        step = _next_trial(plan, history)
    if step is None and not history.running and not history.stages.waiting:
        step = _promotion(plan, history, last_call=True)
    return step


def _is_over(plan: Plan, history: History) -> str | None:
    """Return why nothing more may start; None if something may."""
    if plan.hours is not None and history.hours_used >= plan.hours:
        return "the limit of --hours is reached"
    if history.failures.count >= plan.same_failures:
        return broken_reason(history)
    if history.certainty is not None and is_certain(plan, history):
        return certain_reason(history.certainty, history)
    return None


def _ready(history: History) -> list[TrialState]:
    # A trial that lost workers comes last: it may be what kills them.
    return sorted((history.trials[key] for key in history.ready), key=lambda view: (view.losses, view.plan.number))


def _is_planned_ahead(view: TrialState) -> bool:
    """Return whether a trial was planned but never began; unlike an interrupted one, it has no precedence."""
    return view.attempt == 0 and view.plan.stage is None


def _continuation(plan: Plan, view: TrialState) -> Leg:
    config = TrialConfig.model_validate(view.plan.config)
    stop = view.committed or _first_stop(plan, view, config)
    begun = view.attempt > 0
    waited = "the stage that it begins with is there" if view.plan.stage else "planned while no slot was free"
    reason = f"its leg to epoch {stop} ended early: {view.error or 'the driver stopped'}" if begun else waited
    return further_leg(
        view,
        stop,
        Decided(
            kind="continuation",
            by="resume" if begun else "stage" if view.plan.stage else view.plan.by,
            trial_key=view.key,
            epoch=view.epochs_done,
            score=view.best_score,
            reason=reason,
        ),
    )


def _extension(plan: Plan, history: History) -> Leg | None:
    for epochs in sorted(history.full):
        if epochs < plan.epochs and history.full[epochs]:
            view = min((history.trials[key] for key in history.full[epochs]), key=lambda v: v.plan.number)
            affordable = affordable_epochs(plan, history)
            if affordable is not None and plan.epochs - epochs > affordable:
                return None
            decided = Decided(
                kind="promotion",
                by="extension",
                trial_key=view.key,
                epoch=epochs,
                score=view.best_score,
                reason=f"the full epochs grew from {epochs} to {plan.epochs}",
            )
            return further_leg(view, plan.epochs, decided)
    return None


def _next_trial(plan: Plan, history: History) -> Leg | Record | None:
    """Return the trial that was planned ahead, or a new one."""
    planned = _ready(history)
    if not planned:
        return _new_trial(plan, history)
    leg, affordable = _continuation(plan, planned[0]), affordable_epochs(plan, history)
    return None if affordable is not None and leg.stop > affordable else leg


def _new_trial(plan: Plan, history: History) -> Leg | Record | None:
    prepared = None if plan.confirmation else strategy_of(plan).prepare(plan, history)
    if prepared is not None:
        return Record((prepared,))
    proposal = confirm(plan, history) if plan.confirmation else _proposal(plan, history)
    if proposal is None:
        return None
    key = trial_key(proposal.config)
    if key in history.trials:
        adopted = Adopted(
            trial_key=key,
            position=proposal.position,
            cell=proposal.cell,
            replicate=proposal.replicate,
            by=plan.propose,
            at=0.0,
        )
        return Record((adopted,))
    role: Role = "confirmation" if plan.confirmation else "arm"
    exempt = proposal.exempt or plan.prune == "none"
    stop = plan.epochs if exempt or not plan.rungs else plan.rungs[0]
    affordable = affordable_epochs(plan, history)
    if affordable is not None and stop > affordable:
        return None
    stage = stage_key(proposal.config, plan.epochs)
    by = "confirm" if plan.confirmation else plan.propose
    planned = plan_trial(
        history,
        key,
        proposal.config,
        role=role,
        by=by,
        cell=proposal.cell,
        replicate=proposal.replicate,
        exempt=exempt,
        position=proposal.position,
        stage=stage,
    )
    never = "; exempt from pruning" if exempt and plan.prune != "none" else ""
    decided = Decided(kind="proposal", by=by, trial_key=key, epoch=0, reason=f"{proposal.reason}{never}")
    if stage is not None and stage not in history.stages.ready:
        return Record((planned, decided))
    return Leg(trial_key=key, config=proposal.config, start=0, stop=stop, attempt=1, planned=planned, decided=decided)


def _proposal(plan: Plan, history: History) -> Proposal | None:
    most = plan.limits.trials
    if most is not None and history.arm_trials >= most:
        return None
    return strategy_of(plan).propose(plan, history)


def _promotion(plan: Plan, history: History, *, last_call: bool) -> Leg | None:
    promotion = strategy_of(plan).promote(plan, history, last_call)
    if promotion is None:
        return None
    decided = Decided(
        kind="promotion",
        by="asha",
        trial_key=promotion.trial_key,
        epoch=promotion.rung,
        score=promotion.score,
        rank=promotion.rank,
        compared=promotion.compared,
        allowed=promotion.allowed,
        reason=f"best of those waiting at epoch {promotion.rung}; goes on to {promotion.next_rung}",
    )
    return further_leg(history.trials[promotion.trial_key], promotion.next_rung, decided)


def _first_stop(plan: Plan, view: TrialState, config: TrialConfig) -> int:
    if view.role == "stage":
        return config.epochs
    return plan.epochs if view.exempt or not plan.rungs else plan.rungs[0]
