"""Recommends an arm by the factorial model of all trials, whatever strategy proposed them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runners.core.events import CertaintyJudged
from runners.core.plan import Limits
from runners.core.stopping import as_measured, noise_is_measured
from runners.core.strategies import factorial
from runners.core.strategies.proposal import Recommendation
from runners.session.previous import earlier_limits
from runners.session.recommendation_text import certainty_text, expectation_text
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.trial_lookup import read_history
from seatbelt.errors import UserError
from seatbelt.records.sweep import cell_text
from seatbelt.text.wording import counted


@dataclass(frozen=True, kw_only=True)
class JudgedRecommendation:
    """The arm to use and its certainty; error and probability are None if the noise is unknown."""

    arm: Recommendation
    certainty: CertaintyJudged
    replicates: int
    """Number of its trials, running ones included."""


def recommendation(root: str, within: float, sure: float) -> JudgedRecommendation:
    """Return the recommendation of the model.

    Args:
        root: The sweep.
        within: Margin below the best arm, IoU.
        sure: Required probability, for the estimate of further trials.

    Raises:
        UserError: There is no sweep, nothing varies, or too little is measured.
    """
    folder = SweepFolder(root)
    description = folder.describe()
    history = read_history(folder)
    plan = description.plan(earlier_limits(folder) or Limits())
    if not plan.candidates.varies:
        raise UserError(f"{root} varies nothing, so that there is nothing to recommend")
    scales = factorial.next_scales(plan, history)
    if scales is not None:
        history.apply(scales)
    arm, judged = factorial.recommend(plan, history), factorial.judge(plan, history, within, sure)
    if arm is None or judged is None:
        raise UserError(
            f"{root} cannot recommend anything yet: its ledger holds no complete trial of the space; see "
            f"`seatbelt status {root}`"
        )
    if not noise_is_measured(history):
        arm, judged = replace(arm, error=None), as_measured(judged, history)
    replicates = sum(view.plan.cell == arm.cell for view in history.by_number if view.role == "arm")
    return JudgedRecommendation(arm=arm, certainty=judged, replicates=replicates)


def recommendation_lines(judged: JudgedRecommendation) -> list[str]:
    """Return a recommendation in words."""
    return [
        f"{cell_text(judged.arm.cell)} ({counted(judged.replicates, 'trial')}): {expectation_text(judged.arm)}",
        certainty_text(judged.certainty),
    ]
