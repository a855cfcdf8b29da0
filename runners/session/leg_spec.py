"""From a decision to what a worker is told."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import Leg, Plan
from runners.core.trial_state import TrialView
from runners.sweep.folder import SweepFolder
from runners.worker.leg import LegSpec


def leg_spec(leg: Leg, plan: Plan, history: History, folder: SweepFolder) -> LegSpec:
    """Return everything that a worker needs to run a leg."""
    view = history.trials[leg.trial_key]
    return LegSpec(
        trial_key=leg.trial_key,
        attempt=leg.attempt,
        config=leg.config,
        known_epochs=view.epochs_done,
        stop=leg.stop,
        sweep=folder.location,
        checkpoints=folder.checkpoints(leg.trial_key).location,
        full_epochs=leg.config.epochs if view.role == "stage" else plan.epochs,
        stage=_stage(view, history, folder),
        micro_batch=view.facts.get("micro_batch") if view.epochs_done else None,
    )


def _stage(view: TrialView, history: History, folder: SweepFolder) -> str | None:
    stage = view.plan.stage
    if stage is None:
        return None
    found = history.stages.found.get(stage)
    return found.path if found else folder.checkpoints(stage).location
