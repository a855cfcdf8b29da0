"""The best configurations of one or more sweeps: arms ranked by their mean over replicates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from analysis.reading.comparability import different_selections
from analysis.reading.duckdb import fetch, select
from analysis.reading.tables import Source, SweepTables, readable
from seatbelt.errors import UserError
from seatbelt.records.names import cell_name, number_or_key
from seatbelt.records.sweep import read_cell
from seatbelt.records.tables import WITHOUT_RESULT, Status

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

By = Literal["selection", "test"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One configuration over its complete replicates."""

    rank: int
    sweep: str
    """Name of its sweep."""
    location: str
    """Location of its sweep."""
    arm_key: str
    cell: dict[str, str]
    encoder: str
    decoder: str
    replicates: int
    selection_iou: float
    """Mean over replicates of the IoU on the selection set, best epoch of each."""
    selection_sd: float | None
    """Standard deviation over replicates; None for one."""
    selection_iou_with_target: float | None
    """The same over images with the target."""
    test_iou: float | None
    """Mean over replicates of the IoU on the test set; shown, but ranks only with `by="test"`."""
    epochs: int
    """Epochs trained, mean over replicates."""
    parameters: int | None
    train_seconds: float
    trial_key: str
    """The replicate with the best selection score."""
    number: int | None
    """The number of this trial, by which people call it."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Arms, best first, and the progress of the sweep."""

    arms: list[Arm]
    by: By
    complete: bool
    """Whether the arms are ranked by complete trials; otherwise none is complete, and all arms that ran are listed."""
    trials: dict[str, int]
    """Status -> number of trials."""
    baselines: dict[str, float]
    """Scores of the trivial baselines on the selection set; named by sweep if there are several sets."""
    several: bool = False
    """Whether the arms come from several sweeps."""
    mixed: bool = False
    """Whether the sweeps have different selection sets, so their scores are not comparable."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row per arm: the fields of `Arm`, with a column for each factor in place of `cell`."""
        import pandas as pd

        rows = [vars(arm) for arm in self.arms]
        return pd.DataFrame([{"rank": row.pop("rank"), **row.pop("cell"), **row} for row in map(dict, rows)])

    def __str__(self) -> str:
        return "\n".join(f"{arm.rank}. {self._name(arm)}: {self._score(arm)}" for arm in self.arms)

    __repr__ = __str__

    def _name(self, arm: Arm) -> str:
        where = f"{arm.sweep} " if self.several else ""
        return f"{where}{number_or_key(arm.number, arm.trial_key)} {cell_name(arm.cell)}"

    def _score(self, arm: Arm) -> str:
        score = arm.selection_iou if self.by == "selection" else arm.test_iou
        return f"{self.by} IoU " + ("-" if score is None else f"{score:.3f}")

    def _repr_html_(self) -> str:
        factors = list(dict.fromkeys(name for arm in self.arms for name in arm.cell))
        scores = ["selection_iou", "selection_sd", "test_iou", "replicates", "epochs", "number"]
        columns = ["rank", *(["sweep"] if self.several else []), *factors, *scores]
        return str(self.frame[columns].to_html(index=False))


def best(sweep: Source, *, top: int = 5, by: By = "selection", mixed: bool = False) -> Ranking:
    """Rank the arms of a sweep, or of several.

    Compares complete trials only; while there are none, ranks every arm with an epoch provisionally.

    Args:
        sweep: The sweep, or several.
        top: Number of arms.
        by: `selection`, or `test`, which makes test scores optimistic and is for inspection only.
        mixed: Rank sweeps with different selection sets anyway.

    Raises:
        UserError: The sweep has no scores yet, its tables are damaged, or the sweeps are not comparable.
    """
    import duckdb

    for _, part in sweep.parts:
        if part.record.trained_on != "training":
            raise UserError(
                f"{part.root} is a final training: its models were trained on the images that select, so that their "
                "scores say nothing; leave it out"
            )
    differing = different_selections(sweep)
    if differing and not mixed:
        raise UserError(differing)
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    complete = False
    # One sweep at a time: memory is bounded by the largest.
    with duckdb.connect() as connection:
        for name, part in sweep.parts:
            ranked = _ranked(connection, part, name, top, by)
            counts.update(ranked.counts)
            if ranked.complete and not complete:
                complete, rows = True, []
            if ranked.complete or not complete:
                rows = _leading([*rows, *ranked.rows], top)
    if by == "test" and not complete:
        raise UserError(f"{sweep.root} has no complete trial, so nothing has been tested yet")
    if not rows:
        raise UserError(_no_scores(sweep, counts))
    parts = {name: part for name, part in sweep.parts}
    with readable(sweep):
        arms = [_arm(position, row, parts[row["origin"]]) for position, row in enumerate(rows, start=1)]
    return Ranking(
        arms=arms,
        by=by,
        complete=complete,
        trials=dict(counts),
        baselines=_baselines(sweep),
        several=sweep.parts[0][0] is not None,
        mixed=bool(differing),
    )


def best_trial(sweep: Source) -> str:
    """Return the key of the best arm's best trial; see `best`.

    Raises:
        UserError: The sweep has no scores yet, or its tables are damaged.
    """
    return best(sweep, top=1).arms[0].trial_key


def _baselines(source: Source) -> dict[str, float]:
    baselines = [(name, part.baselines) for name, part in source.parts]
    if all(values == baselines[0][1] for _, values in baselines):
        return baselines[0][1]
    return {f"{key} ({name})": value for name, values in baselines for key, value in values.items()}


def _arm(rank: int, row: dict[str, Any], sweep: SweepTables) -> Arm:
    columns = {name: row[name] for name in _ARM_COLUMNS}
    return Arm(
        rank=rank,
        sweep=row["origin"] or sweep.name,
        location=sweep.root,
        cell=read_cell(row["cell"]),
        epochs=round(row["epochs"]),
        **columns,
    )


def _no_scores(source: Source, counts: Counter[str]) -> str:
    where = source.parts[0][1].root
    ended = {status: count for status, count in counts.items() if count and status in WITHOUT_RESULT}
    if ended and sum(ended.values()) == counts.total():
        ends = ", ".join(f"{count} {status}" for status, count in sorted(ended.items()))
        return f"{source.root}: no trial has a score ({ends}); `seatbelt why {where} 0` explains the first one"
    return f"{source.root} has no scores yet; `seatbelt status {where}` shows its progress"


_ARM_COLUMNS = (
    *("arm_key", "encoder", "decoder", "replicates", "selection_iou", "selection_sd", "selection_iou_with_target"),
    *("test_iou", "parameters", "train_seconds", "trial_key", "number"),
)
"""Columns of a ranked row that are fields of `Arm`."""

_COLUMNS = (
    *("trial_key", "number", "arm_key", "cell", "encoder", "decoder", "status", "role", "selection_iou"),
    *("selection_iou_with_target", "test_iou", "epochs_done", "parameters", "train_seconds"),
)


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    counts: dict[str, int]
    """Status -> number of trials."""
    complete: bool
    rows: list[dict[str, Any]]


def _ranked(connection: duckdb.DuckDBPyConnection, sweep: SweepTables, name: str | None, top: int, by: By) -> _Ranked:
    """Return the leading arms of one sweep."""
    trials = select(connection, sweep, "trials")
    # A copy, so that the files are read once.
    copy = f"create or replace temp table ranked as select {', '.join(_COLUMNS)} from ({trials})"
    fetch(connection, sweep, copy, table="trials")
    statuses = fetch(connection, sweep, "select status, count(*) as n from ranked group by 1", table="trials")
    counts = {row["status"]: int(row["n"]) for row in statuses}
    complete = counts.get(Status.COMPLETE, 0) > 0
    chosen = f"status = '{Status.COMPLETE}'" if complete else "epochs_done > 0"
    query = f"""
        select arm_key, any_value(cell) as cell, any_value(encoder) as encoder, any_value(decoder) as decoder,
               count(*) as replicates, avg(selection_iou) as selection_iou,
               stddev_samp(selection_iou) as selection_sd,
               avg(selection_iou_with_target) as selection_iou_with_target, avg(test_iou) as test_iou,
               avg(epochs_done) as epochs, any_value(parameters) as parameters, sum(train_seconds) as train_seconds,
               arg_max(trial_key, selection_iou) as trial_key, arg_max(number, selection_iou) as number,
               $name as origin, avg({by}_iou) as score
        from ranked where {chosen} and role = 'arm'
        group by arm_key order by score desc nulls last, arm_key limit $top
    """
    rows = fetch(connection, sweep, query, {"name": name, "top": top}, table="trials")
    return _Ranked(counts=counts, complete=complete, rows=rows)


def _leading(rows: list[dict[str, Any]], top: int) -> list[dict[str, Any]]:
    """Return the best rows: by score, then by arm and sweep."""
    rows.sort(key=lambda row: (row["score"] is None, -(row["score"] or 0.0), row["arm_key"], row["origin"] or ""))
    return rows[:top]
