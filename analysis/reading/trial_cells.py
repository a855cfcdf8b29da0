"""The levels of each trial as a table, made from the recorded one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.reading.tables import ArmRole, SweepTables, readable
from seatbelt.records.columns import Column
from seatbelt.records.sweep import read_cell
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


def cells_frame(sweep: SweepTables) -> pd.DataFrame:
    """Return `Sweep.cells`.

    Raises:
        UserError: The tables cannot be read or hold values that no sweep writes.
    """
    with readable(sweep):
        return cells_of(sweep, sweep.trials)


def cells_of(sweep: SweepTables, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `Sweep.cells` for some trials."""
    cells = [read_cell(text) for text in trials["cell"]]
    factors = sweep.factors
    names = list(dict.fromkeys([*factors, *(name for cell in cells for name in cell)]))
    frame = trials[[column.name for column in CELLS]].reset_index(drop=True)
    for name in names:
        labels = [cell.get(name) for cell in cells]
        frame[name] = factor_column(labels, factors.get(name, []), numeric=name in factors and not factors[name])
    return frame


def complete_trials(trials: pd.DataFrame, role: ArmRole) -> pd.DataFrame:
    """Return the complete trials with a role, in planning order."""
    chosen = trials[(trials["role"] == role) & (trials["status"] == Status.COMPLETE)]
    return chosen.sort_values("number")


def factor_column(labels: list[str | None], levels: list[str], numeric: bool) -> Any:  # noqa: ANN401  (of pandas)
    """Return the values of a factor: categories in level order, or the numbers of a range."""
    import pandas as pd

    if numeric:
        return pd.to_numeric(pd.Series(labels, dtype=object)).astype("float64")
    all_labels = list(dict.fromkeys([*levels, *(label for label in labels if label is not None)]))
    return pd.Categorical(labels, categories=all_labels)
