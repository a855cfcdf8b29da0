"""Tables made from the recorded ones: a cell per trial, and arms over their replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.reading.cells import cell_of
from analysis.reading.tables import Role, Sweep, readable
from analysis.statistics.intervals import Interval, student_half_width
from analysis.statistics.paired_images import by_replicate, image_scores, mean_over_subjects
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd

STAGES = [
    Column("stage_key", "string", "identity of the stage: the key of the trial that trained it"),
    Column("role", "string", "stage, or arm where an arm of the search serves as one; null if from_store"),
    Column("status", "string", "one of seatbelt.records.tables.Status; null if from_store"),
    Column("from_store", "bool", "it was made by another sweep and found in a shared store"),
    Column("epochs_done", "int64", "epochs whose numbers are recorded"),
    Column("selection_iou", "float64", "selection set, best epoch"),
    Column("seconds", "float64", "seconds of training steps that it took, wherever it was trained"),
    Column("users", "int64", "trials that begin with it"),
    Column("first_user", "string", "trial for whose sake it was trained; null if from_store"),
    Column("used_by", "string", "keys of the trials that begin with it, joined by +"),
    Column("seconds_saved", "float64", "seconds of training that its reuse saved"),
    Column("encoder", "string", "encoder, normalised name"),
    Column("decoder", "string", "decoder, normalised name"),
    Column("weights", "string", "initial encoder weights as configured"),
    Column("generations", "string", "synthetic generations trained on, joined by +"),
    Column("error", "string", "the last error"),
]
"""Columns of the view `stages`."""

CELLS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("arm_key", "string", "identity of the trial without its seed"),
    Column("replicate", "int64", "replicate of the arm, from 0; of confirmations from 100000"),
]
"""First columns of `Sweep.cells`; one for each factor follows."""

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


def cells_frame(sweep: Sweep) -> pd.DataFrame:
    """Return `Sweep.cells`.

    Raises:
        UserError: The tables cannot be read or hold what no sweep writes.
    """
    with readable(sweep):
        return cells_of(sweep, sweep.trials)


def arms_frame(sweep: Sweep, role: Role, *, test_intervals: bool) -> pd.DataFrame:
    """Return `Sweep.arms()`.

    Raises:
        UserError: The tables cannot be read or hold what no sweep writes.
    """
    with readable(sweep):
        trials = complete_trials(sweep.trials, role)
        return arms_of(sweep, trials, sweep.images if test_intervals and len(trials) else None)


def arms_of(sweep: Sweep, trials: pd.DataFrame, images: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of `Sweep.arms()` for some of its complete trials.

    Args:
        sweep: The sweep.
        trials: Complete trials, in the order of planning.
        images: Test images; arms without any have no interval of the test IoU. None for no such intervals.
    """
    levels = cells_of(sweep, trials).drop(columns=["trial_key", "replicate"]).drop_duplicates("arm_key")
    scores = _scores(trials)
    tested = {} if images is None else _tested(trials, images)
    scores["test_low"] = [tested[key].low if key in tested else None for key in scores["arm_key"]]
    scores["test_high"] = [tested[key].high if key in tested else None for key in scores["arm_key"]]
    scores["subjects"] = [tested[key].n if key in tested else None for key in scores["arm_key"]]
    scores = scores[["arm_key", *(column.name for column in ARMS)]]
    scores = scores.astype({column.name: _PANDAS[column.type] for column in ARMS})
    found = levels.merge(scores, on="arm_key")
    return found.sort_values(["selection_iou", "arm_key"], ascending=[False, True], ignore_index=True)


def cells_of(sweep: Sweep, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `Sweep.cells` for some of its trials."""
    cells = [cell_of(text) for text in trials["cell"]]
    told = sweep.factors
    names = list(dict.fromkeys([*told, *(name for cell in cells for name in cell)]))
    found = trials[[column.name for column in CELLS]].reset_index(drop=True)
    for name in names:
        labels = [cell.get(name) for cell in cells]
        found[name] = factor_column(labels, told.get(name, []), numeric=name in told and not told[name])
    return found


def complete_trials(trials: pd.DataFrame, role: Role) -> pd.DataFrame:
    """Return the complete trials of a role, in the order of planning."""
    chosen = trials[(trials["role"].fillna("arm") == role) & (trials["status"] == Status.COMPLETE.value)]
    return chosen.sort_values("number")


def factor_column(labels: list[str | None], levels: list[str], numeric: bool) -> Any:  # noqa: ANN401  (of pandas)
    """Return the values of a factor: categories in the order of the levels, or numbers of a range."""
    import pandas as pd

    if numeric:
        return pd.to_numeric(pd.Series(labels, dtype=object)).astype("float64")
    known = list(dict.fromkeys([*levels, *(label for label in labels if label is not None)]))
    return pd.Categorical(labels, categories=known)


def _scores(trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each arm with all columns of ARMS but those of the test intervals."""
    import pandas as pd

    groups = trials.groupby("arm_key")
    selection, test = groups["selection_iou"], groups["test_iou"]
    best = trials.sort_values("selection_iou", ascending=False, kind="stable").groupby("arm_key")["trial_key"].first()
    mean, sd, n = selection.mean(), selection.std(), groups.size()
    half = student_half_width(sd.to_numpy(), n.to_numpy())
    found = {
        "replicates": n,
        "selection_iou": mean,
        "selection_sd": sd,
        # An IoU lies from 0 to 1: two replicates say no more than that about what is beyond.
        "selection_low": (mean - half).clip(lower=0),
        "selection_high": (mean + half).clip(upper=1),
        "test_iou": test.mean(),
        "test_sd": test.std(),
        "epochs": groups["epochs_done"].mean(),
        "parameters": groups["parameters"].first(),
        "train_seconds": groups["train_seconds"].sum(),
        "best_trial": best,
    }
    return pd.DataFrame(found).rename_axis("arm_key").reset_index()


def _tested(trials: pd.DataFrame, images: pd.DataFrame) -> dict[str, Interval]:
    """Return arm key -> mean test IoU with its interval, for the arms with images."""
    arm = dict(zip(trials["trial_key"], trials["arm_key"], strict=True))
    own = {str(key): rows for key, rows in images.groupby(images["trial_key"].map(arm))}
    found = {
        str(key): mean_over_subjects(image_scores(by_replicate(group), own[str(key)]))
        for key, group in trials.groupby("arm_key")
        if str(key) in own
    }
    return {key: interval for key, interval in found.items() if interval is not None}
