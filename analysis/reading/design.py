"""The trials of a sweep's space as a design: levels of the factors, and scores at equal epochs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.reading.arrays import Floats
from analysis.reading.duckdb import rows
from analysis.reading.tables import SweepTables
from seatbelt.config.field_paths import field_value
from seatbelt.errors import UserError
from seatbelt.records.sweep import NAMED_ARM, Cell, SweepFactor, SweepRecord, read_cell
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Design:
    """Trials of the space with at least one epoch, and their scores at the rungs.

    Attributes:
        trials: n rows: trial_key, arm_key, replicate, status, exempt, and a column of labels for each factor.
        factors: The factors that took more than one level.
        epochs: K rising epochs; the last one is the full training.
        scores: (n, K) best selection IoU up to each epoch; NaN where a trial did not reach the epoch. Monotone:
            a score at one epoch implies scores at all earlier ones.
        test: (n,) IoU on the test set; NaN where it was not measured.
        baseline: Factor -> reference level for differences, where the study names one.
    """

    trials: pd.DataFrame
    factors: tuple[SweepFactor, ...]
    epochs: tuple[int, ...]
    scores: Floats
    test: Floats
    baseline: dict[str, str]

    def subset(self, rows: NDArray[np.intp]) -> Design:
        """Return some of the trials, with the same factors."""
        return replace(
            self, trials=self.trials.iloc[rows].reset_index(drop=True), scores=self.scores[rows], test=self.test[rows]
        )

    @property
    def pruned(self) -> int:
        """Number of trials without a final score."""
        return int(np.isnan(self.scores[:, -1]).sum())


def read_design(sweep: SweepTables, further: Collection[int] = ()) -> Design:
    """Read the design and the scores of a sweep.

    Excludes confirmations, because their arms were chosen for their scores, and named arms outside the space.

    Args:
        sweep: The sweep.
        further: Epochs to read scores at, in addition to the rungs.

    Raises:
        UserError: No epoch has been measured yet, or a table cannot be read.
    """
    import pandas as pd

    record = sweep.record
    names = [factor.name for factor in record.factors]
    trials = sweep.trials
    trials = trials[(trials["role"] == "arm") & (trials["epochs_done"] > 0)]
    cells = spelt_cells(record, trials)
    inside = np.array([set(names) <= set(cell) for cell in cells], dtype=bool)
    if not inside.any():
        raise UserError(f"{sweep.root} has no scores yet; `seatbelt status {sweep.root}` shows its progress")
    measured = trials.loc[inside, ["trial_key", "arm_key", "replicate", "status", "exempt"]].reset_index(drop=True)
    levels = pd.DataFrame([{n: cell[n] for n in names} for cell, ok in zip(cells, inside, strict=True) if ok])
    full = int(trials["epochs_planned"].max())
    epochs = tuple(sorted({*(epoch for epoch in (*record.rungs, *further) if epoch < full), full}))
    scores = _scores(sweep, list(measured["trial_key"]), epochs)
    # Early stopping completes a trial: its best score counts as final.
    complete = (measured["status"] == Status.COMPLETE).to_numpy()
    final = trials.loc[inside, "selection_iou"].to_numpy(dtype=np.float64)
    scores[:, -1] = np.where(complete, final, np.nan)
    for k in range(len(epochs) - 1):
        scores[:, k] = np.where(complete & np.isnan(scores[:, k]), final, scores[:, k])
    varied = tuple(factor for factor in record.factors if levels[factor.name].nunique() > 1)
    some = ~np.isnan(scores).all(axis=1)
    test = np.where(complete, trials.loc[inside, "test_iou"].to_numpy(dtype=np.float64), np.nan)[some]
    frame: pd.DataFrame = pd.concat([measured, levels], axis=1).loc[np.flatnonzero(some)].reset_index(drop=True)
    return Design(trials=frame, factors=varied, epochs=epochs, scores=scores[some], test=test, baseline=record.baseline)


def spelt_cells(record: SweepRecord, trials: pd.DataFrame) -> list[Cell]:
    """Return the cell of each trial: factor -> level. A named arm outside the space keeps its name."""
    outside = _arms_outside(record)
    return [_spelt(record.factors, outside, *row) for row in zip(trials["cell"], trials["config"], strict=True)]


def _spelt(factors: Sequence[SweepFactor], outside: set[str], cell_json: str, config: str) -> Cell:
    """Return the levels of a trial; a named arm inside the space counts as its cell."""
    cell = read_cell(cell_json)
    if set(cell) != {NAMED_ARM} or cell[NAMED_ARM] in outside:
        return cell
    tree = json.loads(config)
    levels = {factor.name: factor.level_of(tree) for factor in factors}
    spelt = {name: level for name, level in levels.items() if level is not None}
    return spelt if len(spelt) == len(factors) else cell


def _arms_outside(record: SweepRecord) -> set[str]:
    """Return the named arms that set a field no factor sets."""
    factor_paths = {path for factor in record.factors for fields in factor.levels.values() for path in fields}
    return {
        name
        for name, fields in record.arms.items()
        if any(
            not any(varied == path or varied.startswith(f"{path}.") for varied in factor_paths)
            and field_value(record.base, path) != value
            for path, value in fields.items()
        )
    }


def _scores(sweep: SweepTables, keys: list[str], epochs: tuple[int, ...]) -> Floats:
    """Return (trials, epochs) the best score up to each epoch; NaN if the trial did not reach it."""
    columns = ", ".join(
        f"case when max(epoch) >= {epoch} then max(selection_iou) filter (where epoch <= {epoch}) end as e{epoch}"
        for epoch in epochs
    )
    measured = {
        row.pop("trial_key"): [np.nan if score is None else float(score) for score in row.values()]
        for row in rows(sweep, f"select trial_key, {columns} from epochs group by trial_key", table="epochs")
    }
    missing = [np.nan] * len(epochs)
    return np.array([measured.get(key, missing) for key in keys], dtype=np.float64)
