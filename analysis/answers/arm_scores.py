"""The scores of one arm with their intervals, from the search and from its confirmation."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.answers.confirmation import ConfirmedArm, confirmed
from analysis.reading.tables import SweepTables, readable
from analysis.reading.trial_cells import complete_trials
from analysis.statistics.intervals import Interval, over_replicates
from analysis.statistics.paired_images import by_replicate, image_scores, mean_over_subjects


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """Scores of an arm over its complete replicates of the search."""

    arms: int
    """Number of arms with a complete trial, among which the search chose."""
    selection: Interval | None
    """IoU on the selection set, over replicates; None without a complete trial."""
    test: Interval | None
    """IoU on the test set, over replicates and subjects; None without test images."""
    confirmation: ConfirmedArm | None
    """The same with fresh seeds; None unless the arm was confirmed."""


def arm_scores(sweep: SweepTables, arm_key: str) -> ArmScores:
    """Return the scores of an arm.

    Raises:
        UserError: The tables cannot be read.
    """
    with readable(sweep):
        complete = complete_trials(sweep.trials, "arm")
        of_arm = complete[complete["arm_key"] == arm_key]
        images = sweep.images
        test = None
        if images["trial_key"].isin(of_arm["trial_key"]).any():
            test = mean_over_subjects(image_scores(by_replicate(of_arm), images))
        confirmation = None
        if len(complete_trials(sweep.trials, "confirmation")):
            confirmation = next((arm for arm in confirmed(sweep).arms if arm.arm_key == arm_key), None)
        return ArmScores(
            arms=int(complete["arm_key"].nunique()),
            selection=over_replicates(of_arm["selection_iou"].tolist()) if len(of_arm) else None,
            test=test,
            confirmation=confirmation,
        )
