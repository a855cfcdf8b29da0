"""Learning curves of single trials, with the rungs and where trials were stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import (
    Axis,
    Chart,
    Figure,
    Layer,
    Lines,
    NotApplicableError,
    Points,
    ReferenceLine,
    numbers,
    whole_axis,
)
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("status", "string", "one of seatbelt.records.tables.Status"),
    Column("epoch", "int64", "epoch, from 1"),
    Column("selection_iou", "float64", "mean over images of the IoU; selection set"),
]

DRAWN = 60
"""Most trials to draw."""
_LEADING = 15
"""Number of best trials that are always drawn."""

_GROUPS = {
    "complete": (Status.COMPLETE,),
    "pruned or waiting at a rung": (Status.PRUNED, Status.PAUSED),
    "failed": (Status.FAILED, Status.DIVERGED, Status.OUT_OF_MEMORY),
    "under way": (Status.RUNNING, Status.INTERRUPTED, Status.PLANNED),
}
"""Line group -> statuses, in the order of the colours."""


def curves(data: SweepData) -> Figure:
    """Return the learning curves of the best trials and a sample of the others.

    Raises:
        NotApplicableError: No epoch has been measured.
    """
    began = data.searched[data.searched["epochs_done"] > 0]
    table = curves_table(data)
    drawn = table["trial_key"].nunique()
    which = "all" if drawn == len(began) else f"the {_LEADING} best and a sample of the others by rank"
    last = table.groupby("trial_key")["selection_iou"].max()
    return Figure(
        name="curves",
        title="Learning curves",
        caption=(
            f"Selection IoU after each epoch: {drawn} of {len(began)} trials are drawn ({which}). Dotted lines: rungs, "
            "at which trials are compared. Crosses: trials stopped or failed there. Each line is one trial and has "
            "no interval."
        ),
        alt=f"{drawn} rising lines over up to {table['epoch'].max()} epochs; best values from {last.min():.3f} to "
        f"{last.max():.3f}.",
        columns=COLUMNS,
        table=table,
        chart=_chart(table, data),
    )


def curves_table(data: SweepData) -> pd.DataFrame:
    """Return one row per epoch of the trials to draw (columns: COLUMNS), best trial first.

    Raises:
        NotApplicableError: No epoch has been measured.
    """
    began = data.searched[data.searched["epochs_done"] > 0]
    if began.empty:
        raise NotApplicableError("needs a measured epoch")
    ranked = began.sort_values(["selection_iou", "number"], ascending=[False, True], ignore_index=True)
    chosen = ranked if len(ranked) <= DRAWN else _thinned(ranked)
    epochs = data.rows(
        "select trial_key, epoch, selection_iou from epochs where trial_key in (select unnest(?)) order by epoch",
        [chosen["trial_key"].tolist()],
    )
    if epochs.empty:
        raise NotApplicableError("needs a measured epoch")
    curve_rows = chosen[["trial_key", "status"]].merge(epochs, on="trial_key")
    return curve_rows[[column.name for column in COLUMNS]]


def _thinned(ranked: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rest = ranked.iloc[_LEADING:]
    places = np.linspace(0, len(rest) - 1, DRAWN - _LEADING).round().astype(int)
    return pd.concat([ranked.iloc[:_LEADING], rest.iloc[places]], ignore_index=True)


def _chart(table: pd.DataFrame, data: SweepData) -> Chart:
    layers: list[Layer] = [ReferenceLine(name="", at=float(rung), along="y") for rung in data.rungs[:-1]]
    series_of_status = {status.value: series for series, statuses in enumerate(_GROUPS.values()) for status in statuses}
    for series, name in reversed(list(enumerate(_GROUPS))):
        group = table[table["status"].map(series_of_status) == series]
        if group.empty:
            continue
        trials = [(str(key), rows) for key, rows in group.groupby("trial_key", sort=False)]
        layers.append(
            Lines(
                name=name,
                x=tuple(numbers(rows["epoch"]) for _, rows in trials),
                y=tuple(numbers(rows["selection_iou"]) for _, rows in trials),
                series=series,
                faint=len(trials) > 8,
                hover=tuple(f"{data.trial_name(key)}, {rows['status'].iloc[0]}" for key, rows in trials),
            )
        )
        if series in (1, 2):
            ends = [rows.iloc[-1] for _, rows in trials]
            layers.append(
                Points(
                    name="",
                    x=numbers([row["epoch"] for row in ends]),
                    y=numbers([row["selection_iou"] for row in ends]),
                    series=series,
                    marker="cross",
                )
            )
    return Chart(
        x=whole_axis("epoch", 1, int(table["epoch"].max())), y=Axis(title="selection IoU"), layers=tuple(layers)
    )
