"""The results of a confirmation: leading arms with fresh seeds, compared with the baseline and the search."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.reading.tables import SweepTables, readable
from analysis.reading.trial_cells import complete_trials
from analysis.statistics.intervals import Interval, over_replicates
from analysis.statistics.paired_images import image_scores, mean_over_subjects
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class ConfirmedArm:
    """One arm over its confirming replicates."""

    arm_key: str
    cell: dict[str, str]
    replicates: int
    selection: Interval
    """IoU on the selection set, over replicates."""
    test: Interval | None
    """IoU on the test set, over replicates and subjects."""
    selection_difference: Interval | None
    """Arm minus baseline, paired by replicate; None for the baseline itself."""
    test_difference: Interval | None
    """Arm minus baseline, paired by replicate and image."""
    searched: float | None
    """Mean selection IoU in the search, for which the arm was chosen."""
    shrinkage: float | None
    """The part of it that was luck: searched minus confirmed."""


@dataclass(frozen=True, kw_only=True)
class Confirmations:
    """All confirmed arms, best selection score first."""

    arms: list[ConfirmedArm]
    baseline: str | None
    """Arm key of the baseline, if it was confirmed as well."""


def confirmed(sweep: SweepTables) -> Confirmations:
    """Summarise the confirmations of a sweep.

    Raises:
        UserError: No confirmation is complete.
    """
    with readable(sweep):
        return _confirmed(sweep)


def _confirmed(sweep: SweepTables) -> Confirmations:
    trials = sweep.trials
    done = complete_trials(trials, "confirmation")
    if done.empty:
        raise UserError(f"{sweep.root} has no complete confirmation; run `seatbelt confirm {sweep.root}`")
    images = sweep.images
    images = images[images["trial_key"].isin(done["trial_key"])]
    searched = complete_trials(trials, "arm")
    first = searched.groupby("arm_key")["selection_iou"].mean().to_dict()
    cells = {key: json.loads(str(group["cell"].iloc[0])) for key, group in done.groupby("arm_key")}
    baseline = next((str(key) for key, cell in cells.items() if cell == sweep.record.baseline), None)
    groups = {str(key): group.set_index("replicate").sort_index() for key, group in done.groupby("arm_key")}
    scores = {key: image_scores(group, images) for key, group in groups.items()}
    arms = [_arm(key, groups, scores, baseline, cells[key], first.get(key)) for key in groups]
    return Confirmations(arms=sorted(arms, key=lambda arm: -arm.selection.mean), baseline=baseline)


def _arm(
    key: str,
    groups: dict[str, pd.DataFrame],
    scores: dict[str, pd.DataFrame],
    baseline: str | None,
    cell: dict[str, str],
    first: float | None,
) -> ConfirmedArm:
    selection = groups[key]["selection_iou"]
    confirmed_mean = float(selection.mean())
    selection_difference = test_difference = None
    if baseline is not None and key != baseline:
        paired = (selection - groups[baseline]["selection_iou"]).dropna()
        selection_difference = over_replicates(paired.tolist()) if len(paired) else None
        test_difference = mean_over_subjects(scores[key] - scores[baseline])
    return ConfirmedArm(
        arm_key=key,
        cell=cell,
        replicates=len(selection),
        selection=over_replicates(selection.tolist()),
        test=mean_over_subjects(scores[key]),
        selection_difference=selection_difference,
        test_difference=test_difference,
        searched=first,
        shrinkage=None if first is None else first - confirmed_mean,
    )
