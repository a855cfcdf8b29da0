"""The best configurations of one or more sweeps: arms ranked by their mean over replicates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from analysis.reading.comparability import different_selections
from analysis.reading.duckdb import select
from analysis.reading.tables import Source, SweepTables, readable
from seatbelt.errors import UserError
from seatbelt.records.sweep import read_cell
from seatbelt.records.tables import WITHOUT_RESULT

if TYPE_CHECKING:
    import duckdb

By = Literal["selection", "test"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One configuration, over its complete replicates."""

    rank: int
    sweep: str
    """Name of its sweep."""
    location: str
    """Where its sweep is."""
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
    """The same over images that show the target."""
    test_iou: float | None
    """Mean over replicates of the IoU on the test set; shown, never ranked by unless asked for."""
    epochs: int
    """Epochs trained, mean over replicates."""
    parameters: int | None
    train_seconds: float
    trial_key: str
    """The replicate with the best selection score."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Arms, best first, and how far the sweep has come."""

    arms: list[Arm]
    by: By
    complete: bool
    """Whether the arms are ranked by complete trials; else none is complete, and all that ran are shown."""
    trials: dict[str, int]
    """Status -> number of trials."""
    baselines: dict[str, float]
    """Scores of the trivial baselines on the selection set; of several sets, each with its sweep's name."""
    several: bool = False
    """Whether the arms are of several sweeps."""
    mixed: bool = False
    """Whether the sweeps have different selection sets, so that scores of different sweeps do not compare."""


def best(sweep: Source, *, top: int = 5, by: By = "selection", mixed: bool = False) -> Ranking:
    """Rank the arms of a sweep, or of several.

    Only complete trials are compared; while there is none, every arm with an epoch is ranked provisionally.

    Args:
        sweep: The sweep, or several.
        top: Number of arms.
        by: `selection`; `test` uses up the test set's honesty and is for looking only.
        mixed: Rank sweeps of different selection sets nevertheless.

    Raises:
        UserError: The sweep holds no scores yet, its tables are damaged, or the sweeps do not compare.
    """
    import duckdb

    differing = different_selections(sweep)
    if differing and not mixed:
        raise UserError(differing)
    counts: Counter[str] = Counter()
    rows: list[tuple[Any, ...]] = []
    complete = False
    # One sweep at a time: a thousand of them take no more memory than the largest.
    with duckdb.connect() as connection:
        for name, part in sweep.parts:
            ranked = _ranked(connection, part, name, top, by)
            counts.update(ranked.counts)
            if ranked.complete and not complete:
                complete, rows = True, []
            if ranked.complete or not complete:
                rows = _leading([*rows, *ranked.rows], top)
    if by == "test" and not complete:
        raise UserError(f"{sweep.root} has no complete trial, so that nothing was tested yet")
    if not rows:
        raise UserError(_no_scores(sweep, counts))
    known = {name: part for name, part in sweep.parts}
    with readable(sweep):
        arms = [_arm(position, row, known[row[13]]) for position, row in enumerate(rows, start=1)]
    return Ranking(
        arms=arms,
        by=by,
        complete=complete,
        trials=dict(counts),
        baselines=_baselines(sweep),
        several=sweep.parts[0][0] is not None,
        mixed=bool(differing),
    )


def _baselines(source: Source) -> dict[str, float]:
    found = [(name, part.baselines) for name, part in source.parts]
    if all(values == found[0][1] for _, values in found):
        return found[0][1]
    return {f"{key} ({name})": value for name, values in found for key, value in values.items()}


def _arm(rank: int, row: tuple[Any, ...], sweep: SweepTables) -> Arm:
    return Arm(
        rank=rank,
        sweep=row[13] or sweep.name,
        location=sweep.root,
        arm_key=row[0],
        cell=read_cell(row[1]),
        encoder=row[2],
        decoder=row[3],
        replicates=row[4],
        selection_iou=row[5],
        selection_sd=row[6],
        selection_iou_with_target=row[7],
        test_iou=row[8],
        epochs=round(row[9]),
        parameters=row[10],
        train_seconds=row[11],
        trial_key=row[12],
    )


def _no_scores(source: Source, counts: Counter[str]) -> str:
    where = source.parts[0][1].root
    ended = {status: count for status, count in counts.items() if count and status in WITHOUT_RESULT}
    if ended and sum(ended.values()) == counts.total():
        ends = ", ".join(f"{count} {status}" for status, count in sorted(ended.items()))
        return f"{source.root}: no trial has a score ({ends}); `seatbelt why {where} 0` says why the first has none"
    return f"{source.root} holds no scores yet; `seatbelt status {where}` shows how far it is"


_COLUMNS = (
    *("trial_key", "arm_key", "cell", "encoder", "decoder", "status", "role", "selection_iou"),
    *("selection_iou_with_target", "test_iou", "epochs_done", "parameters", "train_seconds"),
)


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    counts: dict[str, int]
    """Status -> number of trials."""
    complete: bool
    rows: list[tuple[Any, ...]]


def _ranked(connection: duckdb.DuckDBPyConnection, sweep: SweepTables, name: str | None, top: int, by: By) -> _Ranked:
    """Return the leading arms of one sweep."""
    import duckdb

    trials = select(connection, sweep, "trials")
    try:
        # Copied, so that the files are read once.
        connection.execute(f"create or replace temp table ranked as select {', '.join(_COLUMNS)} from ({trials})")
        counts: dict[str, int] = dict(connection.execute("select status, count(*) from ranked group by 1").fetchall())
        complete = counts.get("COMPLETE", 0) > 0
        which = "status = 'COMPLETE'" if complete else "epochs_done > 0"
        rows = connection.execute(
            f"""
            select arm_key, any_value(cell), any_value(encoder), any_value(decoder), count(*),
                   avg(selection_iou), stddev_samp(selection_iou),
                   avg(selection_iou_with_target), avg(test_iou), avg(epochs_done), any_value(parameters),
                   sum(train_seconds), arg_max(trial_key, selection_iou), $name as origin, avg({by}_iou) as score
            from ranked where {which} and coalesce(role, 'arm') = 'arm'
            group by arm_key order by score desc nulls last, arm_key limit $top
            """,
            {"name": name, "top": top},
        ).fetchall()
    except duckdb.Error as error:
        raise UserError(f"{sweep.root}/trials cannot be read ({str(error).splitlines()[0]})") from None
    return _Ranked(counts=counts, complete=complete, rows=rows)


def _leading(rows: list[tuple[Any, ...]], top: int) -> list[tuple[Any, ...]]:
    """Return the best rows: by score, then by arm and sweep."""
    rows.sort(key=lambda row: (row[-1] is None, -(row[-1] or 0.0), row[0], row[-2] or ""))
    return rows[:top]
