"""What to run next: a pure function of the plan and the history. Nothing else decides.

The order of precedence: trials that were interrupted go on; stages that others wait for are trained; a design's
every arm gets its turn; paused trials are promoted; further replicates or adaptive proposals follow.
"""

from __future__ import annotations

from runners.events import Adopted, Decided, LegEnded, Planned, Role
from runners.halving import Promotion, allowed_promotions, next_promotion, rank
from runners.history import History
from runners.plan import Finished, Leg, Plan, Record, Wait
from runners.propose import Proposal, confirm, propose
from runners.views import TrialView, score_at
from seatbelt.config import TrialConfig
from seatbelt.identity import arm_key, stage_key, trial_key

Step = Leg | Record | Wait | Finished


def next_leg(plan: Plan, history: History) -> Step:
    """Return what to run next."""
    out_of_time = plan.limits.hours is not None and history.hours_used >= plan.limits.hours
    if out_of_time:
        return Wait() if history.running else _finished(plan, history, "the limit of --hours is reached")
    if history.failures_in_a_row >= plan.same_failures:
        return Wait() if history.running else _finished(plan, history, _broken(history))
    if history.stages.failed:
        return _give_up_dependents(history)
    if history.ready:
        return _continuation(plan, history)
    step = _stage(plan, history) or _search(plan, history)
    if step is not None:
        return step
    if history.running or history.stages.held:
        return Wait()
    return _finished(plan, history, _end_reason(plan, history))


def _search(plan: Plan, history: History) -> Step | None:
    if plan.confirmation is not None:
        return _new_trial(plan, history)
    step: Step | None = _extension(plan, history)
    covering = plan.propose == "exhaustive" and history.next_position < len(plan.design)
    if step is None and covering:
        step = _new_trial(plan, history)
    step = step or _promotion(plan, history, last_call=False)
    if step is None and not covering:
        step = _new_trial(plan, history)
    if step is None and not history.running and not history.stages.waiting:
        step = _promotion(plan, history, last_call=True)
    return step


def _continuation(plan: Plan, history: History) -> Leg:
    view = min((history.trials[key] for key in history.ready), key=lambda v: v.plan.number)
    config = TrialConfig.model_validate(view.plan.config)
    stop = view.committed or _first_stop(plan, view, config)
    begun = view.attempt > 0
    reason = f"its leg to epoch {stop} ended early: {view.error or 'the driver stopped'}"
    return _leg(
        view,
        stop,
        Decided(
            kind="continuation",
            by="resume" if begun else "stage",
            trial_key=view.key,
            epoch=view.epochs_done,
            score=view.best_score,
            reason=reason if begun else "the stage that it begins with is there",
        ),
    )


def _leg(view: TrialView, stop: int, decided: Decided) -> Leg:
    return Leg(
        trial_key=view.key,
        config=TrialConfig.model_validate(view.plan.config),
        start=view.epochs_done,
        stop=stop,
        attempt=view.attempt + 1,
        planned=None,
        decided=decided,
    )


def _stage(plan: Plan, history: History) -> Leg | None:
    """Return a leg of a stage that others wait for: its first, or the rest of an arm that is paused."""
    for stage in history.stages.waiting:
        view = history.trials.get(stage)
        if view is not None and view.status in ("PAUSED", "PRUNED"):
            reason = f"{len(history.stages.waiting[stage])} trials wait for it as their stage"
            decided = Decided(
                kind="promotion",
                by="stage",
                trial_key=stage,
                epoch=view.epochs_done,
                score=view.best_score,
                reason=reason,
            )
            return _leg(view, plan.epochs, decided)
    key = history.stages.to_train(history.trials)
    if key is None:
        return None
    user = history.trials[history.stages.waiting[key][0]]
    config = TrialConfig.model_validate(user.plan.config).stage
    assert config is not None
    planned = _planned(
        history,
        key,
        config,
        role="stage",
        by="stage",
        cell=user.plan.cell,
        replicate=user.plan.replicate,
        exempt=True,
    )
    decided = Decided(
        kind="proposal", by="stage", trial_key=key, epoch=0, reason=f"stage of trial {user.key} and others"
    )
    return Leg(
        trial_key=key,
        config=config,
        start=0,
        stop=config.epochs,
        attempt=1,
        planned=planned,
        decided=decided,
    )


def _give_up_dependents(history: History) -> Record:
    stage = min(history.stages.failed)
    error = f"its pretraining {stage} ended as {history.trials[stage].status}: {history.trials[stage].error}"
    return Record(
        tuple(
            LegEnded(trial_key=key, attempt=0, outcome="failed", epoch=0, at=0.0, error=error)
            for key in history.stages.waiting.get(stage, ())
        )
    )


def _extension(plan: Plan, history: History) -> Leg | None:
    for epochs in sorted(history.full):
        if epochs < plan.epochs and history.full[epochs]:
            view = min((history.trials[key] for key in history.full[epochs]), key=lambda v: v.plan.number)
            affordable = _affordable(plan, history)
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
            return _leg(view, plan.epochs, decided)
    return None


def _new_trial(plan: Plan, history: History) -> Leg | Record | None:
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
    exempt = role == "confirmation" or plan.prune == "none" or proposal.named or _is_exempt(plan, proposal)
    stop = plan.epochs if exempt or not plan.rungs else plan.rungs[0]
    affordable = _affordable(plan, history)
    if affordable is not None and stop > affordable:
        return None
    stage = stage_key(proposal.config, plan.epochs)
    by = "confirm" if plan.confirmation else plan.propose
    planned = _planned(
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
    return propose(plan, history)


def _planned(
    history: History,
    key: str,
    config: TrialConfig,
    *,
    role: Role,
    by: str,
    cell: dict[str, str],
    replicate: int,
    exempt: bool,
    position: int = -1,
    stage: str | None = None,
) -> Planned:
    return Planned(
        trial_key=key,
        arm_key=arm_key(config),
        number=len(history.by_number),
        position=position,
        cell=cell,
        replicate=replicate,
        config=config.model_dump(mode="json"),
        exempt=exempt,
        by=by,
        at=0.0,
        role=role,
        stage=stage,
    )


def _promotion(plan: Plan, history: History, *, last_call: bool) -> Leg | None:
    if plan.prune == "none":
        return None
    found: Promotion | None = next_promotion(
        history, plan.rungs, plan.eta, last_call=last_call, affordable=_affordable(plan, history)
    )
    if found is None:
        return None
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
    return _leg(history.trials[found.trial_key], found.next_rung, decided)


def _first_stop(plan: Plan, view: TrialView, config: TrialConfig) -> int:
    if view.role == "stage":
        return config.epochs
    return plan.epochs if view.exempt or not plan.rungs else plan.rungs[0]


def _affordable(plan: Plan, history: History) -> int | None:
    return None if plan.limits.epochs is None else plan.limits.epochs - history.committed_epochs


def _is_exempt(plan: Plan, proposal: Proposal) -> bool:
    # The quota rotates over the cells, so that each has its exempt trial once in `exempt_every` replicates.
    return (proposal.cell_number + proposal.replicate) % plan.exempt_every == 0


def _finished(plan: Plan, history: History, reason: str) -> Finished:
    pruned = []
    for rung in plan.rungs[:-1] if plan.confirmation is None else ():
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
    if plan.confirmation is not None:
        return "every arm is confirmed"
    if plan.limits.trials is not None and history.arm_trials >= plan.limits.trials:
        return "the limit of --trials is reached"
    affordable = _affordable(plan, history)
    first = plan.epochs if plan.prune == "none" or not plan.rungs else plan.rungs[0]
    if affordable is not None and affordable < first:
        return "the limit of --epochs is reached"
    return "every arm has its trials" if plan.propose == "exhaustive" else "nothing is left to run"


def _broken(history: History) -> str:
    error = next((view.error for view in history.by_number if view.status == "FAILED"), None)
    return (
        f"its first {history.failures_in_a_row} trials failed with the same error: {error}; mend it, then "
        "`seatbelt resume --retry failed`"
    )
