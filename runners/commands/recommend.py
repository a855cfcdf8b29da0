"""What the factorial model recommends after all trials of a sweep, whatever proposed them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runners.core.events import CertaintyJudged
from runners.core.plan import Limits
from runners.core.stopping import as_measured, noise_is_measured
from runners.core.strategies import factorial
from runners.core.strategies.proposal import Recommendation
from runners.session.previous import earlier_limits
from runners.session.recommendation_text import certainty_text, expectation_text
from runners.sweep.folder import SweepFolder
from runners.sweep.trial_lookup import read_history
from seatbelt.errors import UserError
from seatbelt.records.sweep import cell_text


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The arm to use, and how sure that is; without error and probability where nothing tells the noise."""

    arm: Recommendation
    certainty: CertaintyJudged
    replicates: int
    """Its trials, those that run included."""


def recommendation(root: str, within: float, sure: float) -> Answer:
    """Return what the model recommends.

    Args:
        root: The sweep.
        within: How much less than the best counts as good, IoU.
        sure: The probability that is wanted of it.

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
    return Answer(arm=arm, certainty=judged, replicates=replicates)


def recommendation_lines(found: Answer) -> list[str]:
    """Return a recommendation in words."""
    return [
        f"{cell_text(found.arm.cell)} ({found.replicates} trials): {expectation_text(found.arm)}",
        certainty_text(found.certainty),
    ]
