"""The arms of a sweep as a table, each over its complete replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.reading.tables import ArmRole, SweepTables, readable
from analysis.reading.trial_cells import cells_of, complete_trials
from analysis.statistics.intervals import Interval, student_half_width
from analysis.statistics.paired_images import by_replicate, image_scores, mean_over_subjects
from seatbelt.records.columns import Column

if TYPE_CHECKING:
    import pandas as pd

ARMS = [
    Column("replicates", "int64", "complete trials"),
    Column("selection_iou", "float64", "mean over replicates of the selection IoU, best epoch of each"),
    Column("selection_sd", "float64", "standard deviation over replicates; null for one"),
    Column(
        "selection_low",
        "float64",
        "lower bound of the 95 % interval (Student, over replicates, not below 0); null for one",
    ),
    Column("selection_high", "float64", "its upper bound, not above 1"),
    Column("test_iou", "float64", "mean over replicates of the test IoU"),
    Column("test_sd", "float64", "standard deviation over replicates; null for one"),
    Column("test_low", "float64", "lower bound of the 95 % interval (bootstrap over subjects and replicates)"),
    Column("test_high", "float64", "its upper bound"),
    Column("subjects", "int64", "persons on the test images; null where no images are recorded"),
    Column("epochs", "float64", "epochs trained, mean over replicates"),
    Column("parameters", "int64", "trainable parameters"),
    Column("train_seconds", "float64", "seconds of training steps, summed over replicates"),
    Column("best_trial", "string", "replicate with the best selection IoU"),
]
"""Last columns of `Sweep.arms()`, after `arm_key` and one for each factor."""

_PANDAS = {"string": "str", "int64": "Int64", "float64": "float64", "bool": "bool"}


def arms_frame(sweep: SweepTables, role: ArmRole, *, test_intervals: bool) -> pd.DataFrame:
    """Return `Sweep.arms()`.

    Raises:
        UserError: The tables cannot be read or hold values that no sweep writes.
    """
    with readable(sweep):
        trials = complete_trials(sweep.trials, role)
        return arms_of(sweep, trials, sweep.images if test_intervals and len(trials) else None)


def arms_of(sweep: SweepTables, trials: pd.DataFrame, images: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of `Sweep.arms()` for some complete trials.

    Args:
        sweep: The sweep.
        trials: Complete trials, in planning order.
        images: Test images; arms without any get no test interval. None for no test intervals at all.
    """
    levels = cells_of(sweep, trials).drop(columns=["trial_key", "replicate"]).drop_duplicates("arm_key")
    scores = _scores(trials)
    tested = {} if images is None else _tested(trials, images)
    scores["test_low"] = [tested[key].low if key in tested else None for key in scores["arm_key"]]
    scores["test_high"] = [tested[key].high if key in tested else None for key in scores["arm_key"]]
    scores["subjects"] = [tested[key].n if key in tested else None for key in scores["arm_key"]]
    scores = scores[["arm_key", *(column.name for column in ARMS)]]
    scores = scores.astype({column.name: _PANDAS[column.type] for column in ARMS})
    arms = levels.merge(scores, on="arm_key")
    return arms.sort_values(["selection_iou", "arm_key"], ascending=[False, True], ignore_index=True)


def _scores(trials: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm with all columns of ARMS except the test intervals."""
    import pandas as pd

    groups = trials.groupby("arm_key")
    selection, test = groups["selection_iou"], groups["test_iou"]
    best = trials.sort_values("selection_iou", ascending=False, kind="stable").groupby("arm_key")["trial_key"].first()
    mean, sd, n = selection.mean(), selection.std(), groups.size()
    half = student_half_width(sd.to_numpy(), n.to_numpy())
    columns = {
        "replicates": n,
        "selection_iou": mean,
        "selection_sd": sd,
        # An IoU lies between 0 and 1, whatever the interval of two replicates says.
        "selection_low": (mean - half).clip(lower=0),
        "selection_high": (mean + half).clip(upper=1),
        "test_iou": test.mean(),
        "test_sd": test.std(),
        "epochs": groups["epochs_done"].mean(),
        "parameters": groups["parameters"].first(),
        "train_seconds": groups["train_seconds"].sum(),
        "best_trial": best,
    }
    return pd.DataFrame(columns).rename_axis("arm_key").reset_index()


def _tested(trials: pd.DataFrame, images: pd.DataFrame) -> dict[str, Interval]:
    """Return arm key -> mean test IoU with its interval, for arms with images."""
    arm = dict(zip(trials["trial_key"], trials["arm_key"], strict=True))
    images_of_arm = {str(key): rows for key, rows in images.groupby(images["trial_key"].map(arm))}
    intervals = {
        str(key): mean_over_subjects(image_scores(by_replicate(group), images_of_arm[str(key)]))
        for key, group in trials.groupby("arm_key")
        if str(key) in images_of_arm
    }
    return {key: interval for key, interval in intervals.items() if interval is not None}
