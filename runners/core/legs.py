"""Builds the legs and plans of trials, stages included."""

from __future__ import annotations

from runners.core.events import Decided, LegEnded, Planned, Role
from runners.core.history import History
from runners.core.plan import Leg, Plan, Record
from runners.core.trial_state import TrialState
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import arm_key
from seatbelt.text.wording import counted


def further_leg(view: TrialState, stop: int, decided: Decided) -> Leg:
    """Return the next leg of a planned trial."""
    return Leg(
        trial_key=view.key,
        config=TrialConfig.model_validate(view.plan.config),
        start=view.epochs_done,
        stop=stop,
        attempt=view.attempt + 1,
        planned=None,
        decided=decided,
    )


def plan_trial(  # noqa: PLR0913
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
    """Return the event that plans a trial; its number is the next one."""
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


def stage_leg(plan: Plan, history: History) -> Leg | None:
    """Return a leg of a stage that trials wait for: its first one, or the rest of a paused arm."""
    for stage in history.stages.waiting:
        view = history.trials.get(stage)
        if view is not None and view.status in ("PAUSED", "PRUNED"):
            reason = f"stage of {counted(len(history.stages.waiting[stage]), 'waiting trial')}"
            decided = Decided(
                kind="promotion",
                by="stage",
                trial_key=stage,
                epoch=view.epochs_done,
                score=view.best_score,
                reason=reason,
            )
            return further_leg(view, plan.epochs, decided)
    key = history.stages.to_train(history.trials)
    if key is None:
        return None
    user = history.trials[history.stages.waiting[key][0]]
    config = TrialConfig.model_validate(user.plan.config).stage
    assert config is not None
    planned = plan_trial(
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
        kind="proposal", by="stage", trial_key=key, epoch=0, reason=f"stage of trial [{user.plan.number}] and others"
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


def give_up_dependents(history: History) -> Record:
    """Return the failure of the trials whose stage ended without success."""
    stage = min(history.stages.failed)
    view = history.trials[stage]
    error = f"its pretraining [{view.plan.number}] ended as {view.status}: {view.error}"
    return Record(
        tuple(
            LegEnded(trial_key=key, attempt=0, outcome="failed", epoch=0, at=0.0, error=error)
            for key in history.stages.waiting[stage]
        )
    )
