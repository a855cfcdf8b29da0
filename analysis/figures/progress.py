"""The best score so far against the epochs spent by the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import (
    COLOUR_COUNT,
    Axis,
    Chart,
    Figure,
    Layer,
    Lines,
    NotApplicableError,
    ReferenceLine,
    numbers,
    whole_axis,
)
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("epochs", "int64", "total epochs of all trials so far"),
    Column("best", "float64", "best selection IoU of a single trial so far"),
    Column("trial_key", "string", "the trial with that score"),
]

_BEST = """
with spent as (
    select trial_key, epochs.selection_iou, row_number() over (order by "at" nulls first, number, epoch) as epochs
    from epochs join trials using (trial_key) where role = 'arm'
), so_far as (
    select *, max(selection_iou) over (order by epochs rows between unbounded preceding and 1 preceding) as before,
           max(epochs) over () as total
    from spent
)
select epochs, selection_iou as best, trial_key, total from so_far
where selection_iou > coalesce(before, '-inf'::double) order by epochs
"""


def progress(data: SweepData) -> Figure:
    """Return the best score so far as a step line.

    Raises:
        NotApplicableError: No epoch has been measured.
    """
    table, total = progress_table(data)
    first, last = table.iloc[0], table.iloc[-1]
    baselines = comparable_baselines(data)
    return Figure(
        name="progress",
        title="Search progress",
        caption=(
            f"Best selection IoU of a single trial (n = 1) after each of the {total:,} epochs of the search. "
            "The best of many values is partly luck; replicates show how much. Dashed: trivial baselines."
        ),
        alt=(
            f"A line that rises in {counted(len(table), 'step')} from {first['best']:.3f} to {last['best']:.3f}, "
            f"reached after {last['epochs']} of {total} epochs."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(table, total, baselines, data),
    )


def progress_table(data: SweepData) -> tuple[pd.DataFrame, int]:
    """Return one row per improvement of the best score (columns: COLUMNS), and the total number of epochs.

    Raises:
        NotApplicableError: No epoch has been measured.
    """
    improvements = data.rows(_BEST)
    if improvements.empty:
        raise NotApplicableError("needs a measured epoch")
    return improvements[[column.name for column in COLUMNS]], int(improvements["total"].iloc[0])


def comparable_baselines(data: SweepData) -> dict[str, float]:
    """Return the trivial baselines with the same score as trials: over all images, not only those with the target."""
    return {name: value for name, value in data.sweep.baselines.items() if not name.endswith(", with target")}


def _chart(table: pd.DataFrame, total: int, baselines: dict[str, float], data: SweepData) -> Chart:
    last = float(table["best"].iloc[-1])
    layers: list[Layer] = [
        Lines(
            name="best so far",
            x=((*numbers(table["epochs"]), float(total)),),
            y=((*numbers(table["best"]), last),),
            steps=True,
            hover=(f"best {last:.3f}, {data.trial_name(str(table['trial_key'].iloc[-1]))}",),
        )
    ]
    for number, (name, value) in enumerate(baselines.items(), start=1):
        layers.append(ReferenceLine(name=f"{name}: {value:.3f}", at=float(value), series=number % COLOUR_COUNT))
    return Chart(
        x=whole_axis("epochs spent", 0, total, low=0),
        y=Axis(title="best selection IoU"),
        layers=tuple(layers),
        height=0.5,
    )
