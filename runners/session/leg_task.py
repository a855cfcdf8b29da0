"""Builds the worker's task from a decision, and from a recorded trial that is trained again."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import Leg, Plan
from runners.core.trial_state import TrialState
from runners.sweep_files.folder import SweepFolder
from runners.worker.messages import LegTask


def leg_task(leg: Leg, plan: Plan, history: History, folder: SweepFolder) -> LegTask:
    """Return everything that a worker needs to run a leg."""
    view = history.trials[leg.trial_key]
    return LegTask(
        trial_key=leg.trial_key,
        attempt=leg.attempt,
        config=leg.config,
        recorded_epochs=view.epochs_done,
        stop=leg.stop,
        sweep=folder.location,
        checkpoints=folder.checkpoints(leg.trial_key).location,
        full_epochs=leg.config.epochs if view.role == "stage" else plan.epochs,
        stage=stage_location(view, history, folder),
        micro_batch=view.facts.get("micro_batch") if view.epochs_done else None,
    )


def stage_location(view: TrialState, history: History, folder: SweepFolder) -> str | None:
    """Return where the checkpoint of a trial's pretraining stage lies; None for a trial without a stage."""
    stage = view.plan.stage
    if stage is None:
        return None
    stored = history.stages.stored.get(stage)
    return stored.path if stored else folder.checkpoints(stage).location
