"""Learning curves of the trials that run, beside those of the leaders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Chart, Figure, Layer, Lines, NotApplicableError, Points, numbers, whole_axis
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("trial", "string", "its number and name"),
    Column("state", "string", "running, or leader"),
    Column("epoch", "int64", "epoch, from 1"),
    Column("selection_iou", "float64", "mean over images of the IoU; selection set"),
]

LEADERS = 3
"""Leading arms, each by its best trial."""
RUNNING = 9
"""Most running trials to draw, those with the best scores."""


def running(data: SweepData) -> Figure:
    """Return the curves of running trials and of the leaders.

    Raises:
        NotApplicableError: No running trial has an epoch.
    """
    table = running_table(data)
    names = table.drop_duplicates("trial_key")
    count = int((names["state"] == "running").sum())
    return Figure(
        name="running",
        title="Running trials and leaders",
        caption=(
            f"Selection IoU after each epoch of {counted(count, 'running trial')} (at most {RUNNING}, the best) and of "
            f"the best trials of the {LEADERS} leading arms so far. Each line is one trial and has no interval."
        ),
        alt="; ".join(f"{row['state']} {row['trial']}" for row in names.to_dict(orient="records")),
        columns=COLUMNS,
        table=table,
        chart=_chart(table),
    )


def running_table(data: SweepData) -> pd.DataFrame:
    """Return one row per epoch of the trials to draw (columns: COLUMNS), leaders first.

    Raises:
        NotApplicableError: No running trial has an epoch.
    """
    began = data.trials[data.trials["epochs_done"] > 0].sort_values(
        ["selection_iou", "number"], ascending=[False, True]
    )
    runs = began[began["status"] == Status.RUNNING].head(RUNNING)
    if runs.empty:
        raise NotApplicableError("needs a running trial with an epoch")
    leaders = began[began["role"] == "arm"].drop_duplicates("arm_key").head(LEADERS)
    states = {str(key): "running" for key in runs["trial_key"]}
    states = {str(key): "leader" for key in leaders["trial_key"] if str(key) not in states} | states
    epochs = data.rows(
        "select trial_key, epoch, selection_iou from epochs where trial_key in (select unnest(?)) order by epoch",
        [list(states)],
    )
    epochs["state"] = epochs["trial_key"].map(states)
    epochs["trial"] = epochs["trial_key"].map(lambda key: data.trial_name(str(key)))
    order = {key: place for place, key in enumerate(states)}
    table = epochs.sort_values(["trial_key", "epoch"], key=lambda c: c.map(order) if c.name == "trial_key" else c)
    return table[[column.name for column in COLUMNS]].reset_index(drop=True)


def _chart(table: pd.DataFrame) -> Chart:
    layers: list[Layer] = []
    for series, (_, rows) in enumerate(table.groupby("trial_key", sort=False)):
        name = f"{rows['trial'].iloc[0]} ({rows['state'].iloc[0]})"
        x, y = numbers(rows["epoch"]), numbers(rows["selection_iou"])
        layers.append(Lines(name=name, x=(x,), y=(y,), series=series, hover=(name,)))
        # A line through a single epoch is invisible.
        layers.append(Points(name="", x=x[-1:], y=y[-1:], series=series, hover=(name,)))
    x_axis = whole_axis("epoch", 1, int(table["epoch"].max()))
    return Chart(x=x_axis, y=Axis(title="selection IoU"), layers=tuple(layers))
