"""Parallel coordinates: trials as lines through all factors to their score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.figures.chart import Axis, Chart, Figure, Layer, Lines, NotApplicableError, ReferenceLine, Texts
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("group", "string", "best tenth, upper half or lower half by the selection IoU"),
    Column("(factors)", "string", "one column for each factor: its level; a number where the factor is a range"),
    Column("selection_iou", "float64", "selection set, best epoch"),
]

DRAWN = 150
"""Most trials to draw."""
_AXES = 14
"""Most factors to draw; the first ones are used."""
_GROUPS = ("best tenth", "upper half", "lower half")
_SERIES = dict(zip(_GROUPS, (1, 0, 6), strict=True))


def parallel(data: SweepData) -> Figure:
    """Return parallel coordinates of the trials.

    Raises:
        NotApplicableError: Fewer than two factors vary, or no trial has a score.
    """
    table = parallel_table(data)
    factors = list(table.columns[2:-1])
    drawn, all_trials = len(_thinned(table)), len(table)
    more = "" if len(data.varied) == len(factors) else f" The first {_AXES} of {len(data.varied)} factors."
    return Figure(
        name="parallel",
        title="Trials through the factors to their score",
        caption=(
            f"Each line is one trial (n = 1): {drawn} of {all_trials} are drawn, always including the best tenth. A "
            "line runs through the level of each factor to the best selection IoU of the trial, over its own "
            f"epochs.{more}"
        ),
        alt=f"{drawn} lines through {', '.join(factors)}; scores from {table['selection_iou'].min():.3f} to "
        f"{table['selection_iou'].max():.3f}.",
        columns=COLUMNS,
        table=table,
        chart=_chart(_thinned(table), factors, data),
    )


def parallel_table(data: SweepData) -> pd.DataFrame:
    """Return one row per trial with a score and levels (columns: COLUMNS), best first.

    Raises:
        NotApplicableError: Fewer than two factors vary, or no trial has a score.
    """
    factors = data.varied[:_AXES]
    if len(factors) < 2:
        raise NotApplicableError("needs two factors that vary")
    trials = data.searched[["trial_key", "arm_key", "selection_iou"]]
    scored = trials.merge(data.arm_cells[["arm_key", *factors]], on="arm_key").dropna()
    if scored.empty:
        raise NotApplicableError("needs trials with a score")
    scored = scored.sort_values("selection_iou", ascending=False, kind="stable", ignore_index=True)
    n = len(scored)
    scored["group"] = [_GROUPS[0 if i < max(1, n // 10) else 1 if i < (n + 1) // 2 else 2] for i in range(n)]
    return scored[["trial_key", "group", *factors, "selection_iou"]]


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if len(table) <= DRAWN:
        return table
    best = table[table["group"] == _GROUPS[0]].head(DRAWN // 2)
    rest = table[table["group"] != _GROUPS[0]]
    places = np.linspace(0, len(rest) - 1, DRAWN - len(best)).round().astype(int)
    return pd.concat([best, rest.iloc[places]], ignore_index=True)


def _chart(table: pd.DataFrame, factors: list[str], data: SweepData) -> Chart:
    axes = [*factors, "selection_iou"]
    heights = {name: _heights(table[name], data.levels.get(name, []), i) for i, name in enumerate(axes)}
    layers: list[Layer] = [ReferenceLine(name="", at=float(i), along="y") for i in range(len(axes))]
    for group in reversed(_GROUPS):
        places = [i for i, name in enumerate(table["group"]) if name == group]
        if places:
            layers.append(
                Lines(
                    name=group,
                    x=(tuple(float(i) for i in range(len(axes))),) * len(places),
                    y=tuple(tuple(heights[name][place] for name in axes) for place in places),
                    series=_SERIES[group],
                    faint=group != _GROUPS[0],
                    hover=tuple(
                        f"{data.trial_name(str(key))}: {score:.3f}"
                        for key, score in zip(
                            table["trial_key"].iloc[places], table["selection_iou"].iloc[places], strict=True
                        )
                    ),
                )
            )
    marks = [mark for i, name in enumerate(axes) for mark in _marks(table[name], data.levels.get(name, []), i)]
    xs, ys, texts = zip(*marks, strict=True)
    layers.append(Texts(x=xs, y=ys, texts=texts))
    ticks = tuple((float(i), name.replace("_", " ")) for i, name in enumerate(axes))
    return Chart(
        x=Axis(title="", ticks=ticks, low=-0.5, high=len(axes) - 0.5),
        y=Axis(title="", ticks=((-1.0, ""),), low=-0.08, high=1.08),
        layers=tuple(layers),
        height=0.65,
    )


def _heights(values: pd.Series[Any], levels: list[str], axis: int) -> list[float]:
    """Return where each trial crosses an axis, from 0 to 1; jitter separates lines at the same level."""
    if levels:
        step = 1 / max(1, len(levels) - 1)
        places = {level: place * step for place, level in enumerate(levels)}
        jitter = min(0.06, step / 5)
        return [places[str(v)] + jitter * (((i * 7 + axis * 3) % 11) / 5 - 1) for i, v in enumerate(values)]
    low, high = float(values.min()), float(values.max())
    return [(float(value) - low) / ((high - low) or 1) for value in values]


def _marks(values: pd.Series[Any], levels: list[str], axis: int) -> list[tuple[float, float, str]]:
    if levels:
        step = 1 / max(1, len(levels) - 1)
        return [(float(axis), place * step, level) for place, level in enumerate(levels)]
    low, high = float(values.min()), float(values.max())
    return [(float(axis), 0.0, f"{low:.3g}"), (float(axis), 1.0, f"{high:.3g}")]
