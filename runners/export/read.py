"""Reads sweeps for export, and checks them once for all targets."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analysis.reading.design import spelt_cells
from analysis.reading.tables import Source, SweepTables, readable
from runners.export.tensorboard import SCALARS, run_name
from seatbelt.errors import UserError
from seatbelt.records.configuration import CONFIGURATION
from seatbelt.records.sweep import NAMED_ARM, SweepFactor
from seatbelt.records.tables import SCORES, Status

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_LEFT_OUT = {"config"}
"""Of the configuration: all of its fields again as JSON."""

_RESULTS = (
    *(f"{part}_{score.name}" for part in ("selection", "test") for score in SCORES),
    "best_epoch",
    "epochs_done",
    "train_seconds",
    "seconds",
)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The epochs of one trial.

    Attributes:
        epochs: (E,) rising, from 1.
        at: (E,) time of each, seconds since 1970.
        values: Name of `SCALARS` -> (E,); NaN if missing.
    """

    epochs: NDArray[np.int64]
    at: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]

    def rows(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Yield epoch, time and the finite values of each epoch."""
        for i, epoch in enumerate(self.epochs.tolist()):
            yield epoch, float(self.at[i]), {n: float(v[i]) for n, v in self.values.items() if np.isfinite(v[i])}


@dataclass(frozen=True, kw_only=True)
class ExportedTrial:
    """One trial."""

    trial_key: str
    arm_key: str
    number: int
    replicate: int
    role: str
    status: Status
    levels: dict[str, str | float]
    """Factor -> level, a number if the factor is a range; a named arm has only its name, as `arm`."""
    configuration: dict[str, str]
    """Columns of the configuration -> value."""
    results: dict[str, float]
    """Scores and costs, without missing ones."""
    error: str | None
    started: datetime.datetime
    """Time of planning, UTC."""
    ended: datetime.datetime | None
    """None while it may continue."""
    curves: Curves

    @property
    def in_space(self) -> bool:
        """True if it has a level of each factor."""
        return set(self.levels) != {NAMED_ARM}

    @property
    def result_metrics(self) -> dict[str, float]:
        """The results under names that no curve has: `best_selection_iou` beside the curve `selection_iou`."""
        return {f"best_{n}" if n.startswith("selection_") else n: value for n, value in self.results.items()}

    @property
    def run_name(self) -> str:
        """Its name in other tools."""
        return run_name(self.number, self.levels, self.replicate)


@dataclass(frozen=True, kw_only=True)
class ExportedSweep:
    """One sweep."""

    name: str
    study: str
    question: str
    factors: tuple[SweepFactor, ...]
    trials: list[ExportedTrial]


def exported(source: Source) -> list[ExportedSweep]:
    """Read sweeps for export.

    Raises:
        UserError: A table cannot be read, or holds what no sweep writes.
    """
    sweeps = []
    for name, sweep in source.parts:
        with readable(sweep):
            sweeps.append(_sweep(name or sweep.name, sweep))
    if not any(sweep.trials for sweep in sweeps):
        raise UserError(f"{source.root} has no trials yet: there is nothing to export")
    return sweeps


def _sweep(name: str, sweep: SweepTables) -> ExportedSweep:
    factors = sweep.record.factors
    trials = sweep.trials.sort_values("number", ignore_index=True)
    if trials["trial_key"].duplicated().any():
        raise ValueError("two rows of trials have one trial_key")
    by_name = {factor.name: factor for factor in factors}
    curves = _curves(sweep.arrow("epochs"))
    cells = spelt_cells(sweep.record, trials)
    columns = [str(name) for name in trials.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in trials.itertuples(index=False, name=None)]
    return ExportedSweep(
        name=name,
        study=sweep.record.study,
        question=sweep.record.question,
        factors=factors,
        trials=[_trial(row, cell, by_name, curves) for row, cell in zip(rows, cells, strict=True)],
    )


def _trial(
    row: dict[str, Any], cell: dict[str, str], factors: dict[str, SweepFactor], curves: dict[str, Curves]
) -> ExportedTrial:
    status = Status(row["status"])
    results = {name: float(row[name]) for name in _RESULTS if _is_set(row[name]) and np.isfinite(row[name])}
    if status is Status.COMPLETE and "selection_iou" not in results:
        raise ValueError(f"the complete trial {row['trial_key']} has no selection_iou")
    may_continue = status in (Status.PLANNED, Status.RUNNING, Status.PAUSED, Status.INTERRUPTED)
    started = _time(row["planned_at"])
    return ExportedTrial(
        trial_key=str(row["trial_key"]),
        arm_key=str(row["arm_key"]),
        number=int(row["number"]),
        replicate=int(row["replicate"]),
        role=str(row["role"]) if _is_set(row["role"]) else "arm",
        status=status,
        levels=_levels(cell, factors),
        configuration={
            column.name: str(row[column.name])
            for column in CONFIGURATION
            # A table of an older version lacks newer columns.
            if column.name not in _LEFT_OUT and _is_set(row.get(column.name))
        },
        results=results,
        error=str(row["error"]) if _is_set(row["error"]) else None,
        started=started,
        ended=None if may_continue else max(started, _time(row["ended_at"])) if _is_set(row["ended_at"]) else started,
        curves=curves.get(str(row["trial_key"]), _NOTHING),
    )


def _levels(cell: dict[str, str], factors: dict[str, SweepFactor]) -> dict[str, str | float]:
    if set(cell) == {NAMED_ARM}:
        return dict(cell)
    if set(cell) != set(factors):
        raise ValueError(f"a cell has the factors {', '.join(cell)} instead of those of sweep.json")
    return {name: _level(label, factors[name]) for name, label in cell.items()}


def _level(label: str, factor: SweepFactor) -> str | float:
    if label in factor.levels:
        return label
    if factor.range is not None and factor.range.low <= float(label) <= factor.range.high:
        return float(label)
    raise ValueError(f"a cell has {factor.name}={label}, which sweep.json does not know")


def _is_set(value: object) -> bool:
    # Pandas has None, NaN and NaT for null; only the last two differ from themselves.
    return value is not None and value == value


def _time(value: pd.Timestamp) -> datetime.datetime:
    if not _is_set(value):
        raise ValueError("a trial has no planned_at")
    return value.to_pydatetime()


def _curves(table: pa.Table) -> dict[str, Curves]:
    """Return the epochs of each trial."""
    table = table.select(["trial_key", "epoch", "at", *SCALARS]).sort_by(
        [("trial_key", "ascending"), ("epoch", "ascending")]
    )
    if table["trial_key"].null_count or table["epoch"].null_count:
        raise ValueError("a row of epochs has no trial_key or no epoch")
    keys = table["trial_key"].combine_chunks()
    epochs = table["epoch"].to_numpy()
    at = table["at"].cast(pa.int64()).fill_null(0).to_numpy() / 1e6
    values = {name: table[name].cast(pa.float64()).to_numpy() for name in SCALARS}
    codes = keys.dictionary_encode()
    order = codes.indices.to_numpy()
    names = codes.dictionary.to_pylist()
    bounds = [*np.flatnonzero(np.diff(order, prepend=-1)).tolist(), len(order)]
    curves = {}
    for start, stop in itertools.pairwise(bounds):
        part = slice(start, stop)
        if (np.diff(epochs[part]) <= 0).any():
            raise ValueError(f"epochs holds an epoch of {names[order[start]]} twice")
        curves[str(names[order[start]])] = Curves(
            epochs=epochs[part], at=at[part], values={name: column[part] for name, column in values.items()}
        )
    return curves


_NOTHING = Curves(epochs=np.empty(0, dtype=np.int64), at=np.empty(0), values={name: np.empty(0) for name in SCALARS})
