"""The score of each arm against its cost, and the Pareto front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Chart, Figure, Layer, Lines, NotApplicableError, Points, extent, numbers
from analysis.figures.chart import with_interval as value_text
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("arm_key", "string", "identity of the arm"),
    Column("arm", "string", "its levels"),
    Column("cost", "float64", "mean over replicates of the cost"),
    Column("selection_iou", "float64", "mean over replicates of the selection IoU"),
    Column("low", "float64", "lower bound of the 95 % interval (Student, over replicates); null for one"),
    Column("high", "float64", "its upper bound"),
    Column("n", "int64", "complete trials of the arm"),
    Column("front", "bool", "no other arm is better at the same or a lower cost"),
]

_MOST = 400
"""Most arms to draw in addition to the front; the table has all."""

_WIDE = 10
"""Ratio of costs above which the axis is logarithmic."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost of a trial."""

    name: str
    title: str
    axis: str
    images: bool = False
    """Whether to divide the seconds by the number of training images."""
    column: str


COSTS = [
    Cost(name="cost_parameters", title="the size of the model", axis="parameters", column="parameters"),
    Cost(
        name="cost_seconds", title="the time of a training", axis="seconds of training per trial",
        column="train_seconds",
    ),
    Cost(
        name="cost_per_image", title="the time of an image", axis="seconds of training per image",
        column="train_seconds", images=True,
    ),
]  # fmt: skip


def cost_figure(kind: Cost, data: SweepData) -> Figure:
    """Return the arms by one cost and the selection IoU.

    Raises:
        NotApplicableError: Nothing is complete, or all arms cost the same.
    """
    table = cost_table(kind, data)
    front = table[table["front"]]
    first = front.iloc[-1]
    drawn = min(len(table), len(front) + _MOST)
    thinned = f" {drawn} of them are drawn." if drawn < len(table) else ""
    return Figure(
        name=kind.name,
        title=f"Selection IoU against {kind.title}",
        caption=(
            f"{counted(len(table), 'arm')}, each the mean over its complete trials (n = {extent(table['n'])}); 95 % "
            f"intervals for arms on the front with several trials. The line joins {counted(len(front), 'arm')} that "
            f"no other arm beats at the same or a lower cost (Pareto front); some may be on it by chance.{thinned}"
        ),
        alt=(
            f"{counted(len(table), 'arm')}, {len(front)} on the front. The best costs {first['cost']:.3g} "
            f"({kind.axis}) and has {value_text(first['selection_iou'], first['low'], first['high'])}; the cheapest "
            f"on the front costs {front['cost'].iloc[0]:.3g} and has {front['selection_iou'].iloc[0]:.3f}."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(kind, table),
    )


def cost_table(kind: Cost, data: SweepData) -> pd.DataFrame:
    """Return one row per arm (columns: COLUMNS), cheapest first.

    Raises:
        NotApplicableError: Nothing is complete, or all arms cost the same.
    """
    trials = data.searched[data.searched["status"] == Status.COMPLETE]
    costs = trials[kind.column].astype("float64")
    if kind.images:
        images = trials["epochs_done"] * (trials["train_real"] + trials["train_synthetic"])
        if images.nunique() < 2:
            raise NotApplicableError(
                "needs arms with different numbers of training images; otherwise it equals cost_seconds"
            )
        costs = costs / images
    costs = costs.where(costs > 0).groupby(trials["arm_key"]).mean().rename("cost").dropna()
    if costs.nunique() < 2:
        raise NotApplicableError(f"needs complete arms that differ in their {kind.axis}")
    arms = data.arms.merge(costs.reset_index(), on="arm_key")
    arms = arms.rename(columns={"selection_low": "low", "selection_high": "high", "replicates": "n"})
    arms["arm"] = data.arm_names(arms["arm_key"].tolist())
    arms = arms.sort_values(["cost", "selection_iou"], ascending=[True, False], ignore_index=True)
    # In order of cost, an arm better than all cheaper ones is on the front.
    before = arms["selection_iou"].cummax().shift(fill_value=float("-inf"))
    arms["front"] = arms["selection_iou"] > before
    return arms[[column.name for column in COLUMNS]]


def _chart(kind: Cost, table: pd.DataFrame) -> Chart:
    front, rest = table[table["front"]], table[~table["front"]]
    rest = rest.iloc[:: max(1, -(-len(rest) // _MOST))]
    log = table["cost"].max() > _WIDE * table["cost"].min()
    has_intervals = bool(front["low"].notna().any())
    layers: list[Layer] = [
        Points(
            name="other arms", x=numbers(rest["cost"]), y=numbers(rest["selection_iou"]), series=6, hover=_hover(rest)
        ),
        Lines(name="", x=(numbers(front["cost"]),), y=(numbers(front["selection_iou"]),), series=0),
        Points(
            name="Pareto front",
            x=numbers(front["cost"]),
            y=numbers(front["selection_iou"]),
            low=numbers(front["low"]) if has_intervals else (),
            high=numbers(front["high"]) if has_intervals else (),
            series=0,
            hover=_hover(front),
        ),
    ]
    return Chart(x=Axis(title=kind.axis, log=bool(log)), y=Axis(title="selection IoU"), layers=tuple(layers))


def _hover(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(
        f"{row.arm}: {value_text(row.selection_iou, row.low, row.high)}, n = {row.n}; {row.cost:.4g}"
        for row in table.itertuples()
    )
