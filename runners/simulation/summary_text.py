"""Simulated sweeps as a table and a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.chart import Axis, Chart, Figure, Lines, numbers
from analysis.text.tables import table_text
from seatbelt.records.columns import Column

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("strategy", "string", "the strategy"),
    Column("cost", "float64", "epochs of the average arm that were spent"),
    Column("regret", "float64", "mean regret of the recommended arm, IoU"),
    Column("se", "float64", "its standard error"),
]


def summary_text(regrets: pd.DataFrame, reference: str, budgets: dict[str, float]) -> str:
    """Return a table for each world.

    Args:
        regrets: Rows of `runners.simulation.summary.summary`.
        reference: The reference strategy of the ratios.
        budgets: World -> epochs of the average arm.
    """
    parts = []
    for world, rows in regrets.groupby("world", sort=False):
        names = [
            "strategy",
            "final regret x1000",
            "mean over budget",
            "cost to 0.005",
            "cost to 0.010",
            "ratio",
            "95 %",
        ]
        cells = [
            [
                str(row["strategy"]),
                f"{1000 * row['final']:.1f} +- {1000 * row['final_se']:.1f}",
                f"{1000 * row['auc']:.1f} +- {1000 * row['auc_se']:.1f}",
                _cost(row, "005"),
                _cost(row, "010"),
                *_ratio(row),
            ]
            for row in rows.to_dict("records")
        ]
        n = int(rows["n"].min())
        head = f"{world}: {n} sweeps each, budget {budgets[str(world)]:,.0f} epochs of the average arm"
        parts.append(f"{head}\n{table_text(names, cells)}")
    legend = (
        "regret: quality of the best arm minus that of the recommended one, mean +- standard error; cost to: mean "
        "over sweeps (share of sweeps that reach it and stay; the others count with the budget);\n"
        f"ratio: cost until the mean regret stays at or below the final one of {reference}, divided by the total "
        f"cost of {reference}."
    )
    return "\n\n".join([*parts, legend])


def regret_figure(table: pd.DataFrame, world: str) -> Figure:
    """Return the mean regret against the cost, a line for each strategy.

    Args:
        table: Rows of `simulate` of one world.
        world: Its name.
    """
    grouped = table.groupby(["strategy", "cost"], sort=False)["regret"]
    means = grouped.agg(["mean", "std", "count"]).reset_index()
    means["se"] = means["std"] / np.sqrt(means["count"])
    means = means.rename(columns={"mean": "regret"})[[column.name for column in COLUMNS]]
    seeds = int(table["seed"].nunique())
    lines = []
    for look, (name, rows) in enumerate(means.groupby("strategy", sort=False)):
        lines.append(Lines(name=str(name), x=(numbers(rows["cost"]),), y=(numbers(rows["regret"]),), series=look))
    last = means[means["cost"] == means["cost"].max()].sort_values("regret")
    return Figure(
        name="regret",
        title=f"Regret of the recommended arm: {world}",
        caption=(
            f"Mean over {seeds} simulated sweeps of what the recommended arm lacks to the best one, against the cost "
            "so far. Standard errors are in the table of the figure."
        ),
        alt=f"Falling lines; at the end {last['strategy'].iloc[0]} is lowest with {last['regret'].iloc[0]:.4f}.",
        columns=COLUMNS,
        table=means,
        chart=Chart(
            x=Axis(title="cost (epochs of the average arm)", low=0.0),
            y=Axis(title="regret (IoU)", low=0.0),
            layers=tuple(lines),
            legend="strategy",
        ),
    )


def _cost(row: dict[Any, Any], target: str) -> str:
    return f"{row[f'cost_{target}']:,.0f} ({row[f'reached_{target}']:.0%})"


def _ratio(row: dict[Any, Any]) -> list[str]:
    if "ratio" not in row:
        return ["-", "-"]
    high = f"{row['ratio_high']:.2f}" if np.isfinite(row["ratio_high"]) else "never"
    return [f"{row['ratio']:.2f}" if np.isfinite(row["ratio"]) else "never", f"[{row['ratio_low']:.2f}, {high}]"]
