"""Recommends the arm with the best mean over replicates, for strategies without a model."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import Recommendation
from runners.core.trial_state import TrialState
from search_spaces.space import NAMED_ARM
from seatbelt.records.tables import Status


def recommend(plan: Plan, history: History) -> Recommendation | None:
    """Return the arm with the best mean over complete trials, or over the longest ones while none is complete."""
    views = [v for v in history.by_number if v.role == "arm" and v.scores and NAMED_ARM not in v.plan.cell]
    complete = [view for view in views if view.status is Status.COMPLETE]
    if not complete and views:
        longest = max(view.epochs_done for view in views)
        complete = [view for view in views if view.epochs_done == longest]
    arms: dict[str, list[TrialState]] = {}
    for view in complete:
        arms.setdefault(view.plan.arm_key, []).append(view)
    if not arms:
        return None
    means = {arm: sum(view.best_score or 0.0 for view in views) / len(views) for arm, views in arms.items()}
    best = max(means, key=lambda arm: means[arm])
    return Recommendation(cell=arms[best][0].plan.cell, score=means[best])
