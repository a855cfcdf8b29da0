"""The selection IoU of each combination of two factors, as a grid of colours with the numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Cells, Chart, Figure, NotApplicableError, colour_range, numbers
from analysis.figures.chart import with_interval as shown
from analysis.figures.sweep_data import Material
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


def heat_map(material: Material, factors: tuple[str, str] | None = None) -> Figure:
    """Return the grid of two factors.

    Args:
        material: The sweep.
        factors: Down the side and along the bottom; None takes decoder and encoder, or the two that vary.

    Raises:
        NotApplicableError: Not two such factors vary, or nothing is complete.
    """
    row, column = factors or _default(material)
    for name in (row, column):
        if not material.levels.get(name):
            known = ", ".join(name for name, levels in material.levels.items() if levels)
            raise UserError(f"{name!r} is no factor with levels in {material.sweep.root}; these are: {known or 'none'}")
    table = heat_map_table(material, row, column)
    best = table.iloc[int(table["selection_iou"].argmax())]
    others = [name for name in material.varied if name not in (row, column)]
    over = f" Means go over all levels of {len(others)} other factors." if others else ""
    pruned = " The sweep prunes: a mean goes over those that were good enough to get to the end." * material.prunes
    return Figure(
        name="heat_map",
        title=f"Selection IoU by {row} and {column}",
        caption=(
            f"Mean selection IoU of {table['n'].sum()} complete trials in {len(table)} combinations, with the 95 % "
            f"interval over the n trials of a combination where there is more than one.{over}{pruned}"
        ),
        alt=(
            f"A grid of {len(table)} combinations. Highest: {best['row']} with {best['column']}, "
            f"{shown(best['selection_iou'], best['low'], best['high'])}, n = {best['n']}; lowest: "
            f"{table['selection_iou'].min():.3f}."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(table, row, column, material),
    )


def heat_map_table(material: Material, row: str, column: str) -> pd.DataFrame:
    """Return one row per combination with a complete trial (columns: COLUMNS), in the order of the levels.

    Raises:
        NotApplicableError: There is none.
    """
    import pandas as pd

    trials = material.searched[material.searched["status"] == Status.COMPLETE.value]
    cells = material.arm_cells[["arm_key", row, column]].dropna()
    found = trials.merge(cells, on="arm_key").groupby([row, column], observed=True)["selection_iou"]
    if not len(found):
        raise NotApplicableError("needs a complete trial")
    mean, n = found.mean(), found.size()
    half = student_half_width(found.std().to_numpy(), n.to_numpy())
    table = pd.DataFrame({"selection_iou": mean, "low": mean - half, "high": mean + half, "n": n}).reset_index()
    table = table.rename(columns={row: "row", column: "column"})
    return table.astype({"row": "str", "column": "str"})


def _default(material: Material) -> tuple[str, str]:
    varied = [name for name in material.varied if material.levels.get(name)]
    if set(_FACTORS) <= set(varied):
        return _FACTORS
    if len(varied) == 2:
        return varied[1], varied[0]
    raise NotApplicableError(f"shows two factors, but {len(varied)} vary; `--factors ROWS,COLUMNS` chooses")


def _chart(table: pd.DataFrame, row: str, column: str, material: Material) -> Chart:
    rows = [level for level in material.levels[row] if level in set(table["row"])]
    columns = [level for level in material.levels[column] if level in set(table["column"])]
    by_cell = {(found["row"], found["column"]): found for _, found in table.iterrows()}
    values, texts = [], []
    for level in rows:
        found = [by_cell.get((level, other)) for other in columns]
        values.append(numbers([None if cell is None else cell["selection_iou"] for cell in found]))
        texts.append(tuple("" if cell is None else _text(cell) for cell in found))
    low, high = colour_range(values)
    return Chart(
        x=Axis(title=column.replace("_", " "), ticks=tuple((float(i), name) for i, name in enumerate(columns))),
        y=Axis(title=row.replace("_", " "), ticks=tuple((float(i), name) for i, name in enumerate(rows))),
        layers=(Cells(name="selection IoU", values=tuple(values), texts=tuple(texts), low=low, high=high),),
        height=min(1.4, 0.2 + 0.09 * len(rows)),
    )


def _text(cell: pd.Series) -> str:
    value = shown(cell["selection_iou"], cell["low"], cell["high"]).replace(" [", "\n[")
    return f"{value}\nn = {cell['n']}"
