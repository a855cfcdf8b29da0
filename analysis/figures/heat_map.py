"""The selection IoU of each combination of two factors, as a coloured grid with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Cells, Chart, Figure, NotApplicableError, colour_range, numbers
from analysis.figures.chart import with_interval as value_text
from analysis.figures.sweep_data import SweepData
from analysis.statistics.intervals import student_half_width
from seatbelt.errors import UserError
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("row", "string", "level of the factor down the side"),
    Column("column", "string", "level of the factor along the bottom"),
    Column("selection_iou", "float64", "mean over complete trials of the selection IoU"),
    Column("low", "float64", "lower bound of the 95 % interval (Student, over trials); null for one"),
    Column("high", "float64", "its upper bound"),
    Column("n", "int64", "complete trials"),
]
_FACTORS = ("decoder", "encoder")


def heat_map(data: SweepData, factors: tuple[str, str] | None = None) -> Figure:
    """Return the grid of two factors.

    Args:
        data: The sweep.
        factors: Rows and columns; None takes decoder and encoder, or the two factors that vary.

    Raises:
        NotApplicableError: There are not two such factors, or no trial is complete.
    """
    row, column = factors or _default(data)
    for name in (row, column):
        if not data.levels.get(name):
            factors_with_levels = ", ".join(name for name, levels in data.levels.items() if levels)
            raise UserError(
                f"{name!r} is no factor with levels in {data.sweep.root}; these are: {factors_with_levels or 'none'}"
            )
    table = heat_map_table(data, row, column)
    best = table.iloc[int(table["selection_iou"].argmax())]
    others = [name for name in data.varied if name not in (row, column)]
    over = f" Means are over all levels of {len(others)} other factors." if others else ""
    pruned = " The sweep prunes: means include only the trials that reached the end." * data.prunes
    return Figure(
        name="heat_map",
        title=f"Selection IoU by {row} and {column}",
        caption=(
            f"Mean selection IoU of {table['n'].sum()} complete trials in {len(table)} combinations, with the 95 % "
            f"interval over the n trials of a combination if there is more than one.{over}{pruned}"
        ),
        alt=(
            f"A grid of {len(table)} combinations. Highest: {best['row']} with {best['column']}, "
            f"{value_text(best['selection_iou'], best['low'], best['high'])}, n = {best['n']}; lowest: "
            f"{table['selection_iou'].min():.3f}."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(table, row, column, data),
    )


def heat_map_table(data: SweepData, row: str, column: str) -> pd.DataFrame:
    """Return one row per combination with a complete trial (columns: COLUMNS), in the order of the levels.

    Raises:
        NotApplicableError: There is none.
    """
    import pandas as pd

    trials = data.searched[data.searched["status"] == Status.COMPLETE]
    cells = data.arm_cells[["arm_key", row, column]].dropna()
    scores = trials.merge(cells, on="arm_key").groupby([row, column], observed=True)["selection_iou"]
    if not len(scores):
        raise NotApplicableError("needs a complete trial")
    mean, n = scores.mean(), scores.size()
    half = student_half_width(scores.std().to_numpy(), n.to_numpy())
    table = pd.DataFrame({"selection_iou": mean, "low": mean - half, "high": mean + half, "n": n}).reset_index()
    table = table.rename(columns={row: "row", column: "column"})
    return table.astype({"row": "str", "column": "str"})


def _default(data: SweepData) -> tuple[str, str]:
    varied = [name for name in data.varied if data.levels.get(name)]
    if set(_FACTORS) <= set(varied):
        return _FACTORS
    if len(varied) == 2:
        return varied[1], varied[0]
    raise NotApplicableError(f"shows two factors, but {len(varied)} vary; `--factors ROWS,COLUMNS` chooses")


def _chart(table: pd.DataFrame, row: str, column: str, data: SweepData) -> Chart:
    rows = [level for level in data.levels[row] if level in set(table["row"])]
    columns = [level for level in data.levels[column] if level in set(table["column"])]
    by_cell = {(row_cells["row"], row_cells["column"]): row_cells for _, row_cells in table.iterrows()}
    values, texts = [], []
    for level in rows:
        row_cells = [by_cell.get((level, other)) for other in columns]
        values.append(numbers([None if cell is None else cell["selection_iou"] for cell in row_cells]))
        texts.append(tuple("" if cell is None else _text(cell) for cell in row_cells))
    low, high = colour_range(values)
    return Chart(
        x=Axis(title=column.replace("_", " "), ticks=tuple((float(i), name) for i, name in enumerate(columns))),
        y=Axis(title=row.replace("_", " "), ticks=tuple((float(i), name) for i, name in enumerate(rows))),
        layers=(Cells(name="selection IoU", values=tuple(values), texts=tuple(texts), low=low, high=high),),
        height=min(1.4, 0.2 + 0.09 * len(rows)),
    )


def _text(cell: pd.Series) -> str:
    value = value_text(cell["selection_iou"], cell["low"], cell["high"]).replace(" [", "\n[")
    return f"{value}\nn = {cell['n']}"
