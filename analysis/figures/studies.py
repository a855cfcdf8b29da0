"""Figures 4.1 to 4.6 and table 4.1 of the thesis, from sweeps of the same studies.

All show the mean test IoU of arms by one or two factors: the first on the x axis, the second as colour and marker.
Unlike
in the thesis, each value has an interval and its number of trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import (
    Axis,
    Bars,
    Cells,
    Chart,
    Figure,
    Layer,
    NotApplicableError,
    Points,
    ReferenceLine,
    colour_range,
    extent,
    numbers,
    spread,
)
from analysis.figures.chart import with_interval as value_text
from analysis.figures.study_list import NAMES, STUDY_FIGURES, StudyFigure
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("x", "string", "level of the factor on the x axis"),
    Column("series", "string", "level of the factor shown by colour; empty if there is none"),
    Column("benchmark", "bool", "drawn as a reference line"),
    Column("arm_key", "string", "identity of the arm"),
    Column("test_iou", "float64", "mean over replicates of the test IoU"),
    Column("test_low", "float64", "lower bound of the 95 % interval (bootstrap over subjects and replicates)"),
    Column("test_high", "float64", "its upper bound"),
    Column("replicates", "int64", "complete trials of the arm"),
    Column("subjects", "int64", "persons on the test images"),
    Column("images", "int64", "training images per epoch"),
]


def study_figure(kind: StudyFigure, data: SweepData) -> Figure:
    """Return a figure of the thesis.

    Raises:
        NotApplicableError: The sweep varies other factors, or nothing has been tested yet.
    """
    table = study_table(kind, data)
    best = table.iloc[int(table["test_iou"].argmax())]
    subjects = numbers([table["subjects"].max()])[0]
    over = (
        "none, because no test images are recorded"
        if subjects is None
        else f"95 % over {counted(int(subjects), 'subject')}"
    )
    order = [_named(kind.series, level) for level in data.levels.get(kind.series or "", [])] or [""]
    label = ", ".join(filter(None, [str(best["x"]), str(best["series"])]))
    return Figure(
        name=kind.name,
        title=kind.title,
        caption=(
            f"Mean test IoU of {counted(len(table), 'arm')}, as in {kind.reference} of the thesis. {kind.asks} "
            f"n = {extent(table['replicates'])} trials per arm; intervals: {over} and the trials of an arm (bootstrap)."
        ),
        alt=(
            f"{counted(len(table), 'arm')} by {_worded(kind.x)}"
            f"{f' and {_worded(kind.series)}' if kind.series else ''}. Highest: {label}, "
            f"{value_text(best['test_iou'], best['test_low'], best['test_high'])}; "
            f"lowest: {table['test_iou'].min():.3f}."
        ),
        columns=COLUMNS,
        table=table,
        chart=_grid(table) if kind.grid else _chart(kind, table, order),
    )


def study_table(kind: StudyFigure, data: SweepData) -> pd.DataFrame:
    """Return one row per arm (columns: COLUMNS), in the order of the levels."""
    import pandas as pd

    factors = [kind.x] + ([kind.series] if kind.series else [])
    _check_factors(kind.name, factors, data)
    arms = data.arms.dropna(subset=[*factors, "test_iou"])
    if arms.empty:
        raise NotApplicableError("needs a complete trial: nothing has been tested yet")
    arms = arms.merge(_images(data), on="arm_key")
    arms = arms.sort_values(factors, ignore_index=True)
    frame = pd.DataFrame(
        {
            "x": arms[kind.x].astype(str),
            "series": [_named(kind.series, label) for label in arms[kind.series]] if kind.series else "",
            "benchmark": arms[kind.x].astype(str) == (kind.benchmark or ""),
        }
    )
    for column in COLUMNS[3:]:
        frame[column.name] = arms[column.name]
    return frame


def _check_factors(name: str, factors: list[str], data: SweepData) -> None:
    study = data.sweep.record.study
    if study != name and study in [kind.name for kind in STUDY_FIGURES]:
        raise NotApplicableError(f"needs a sweep of the study {name}; this is {study}")
    missing = [factor for factor in factors if factor not in data.sweep.factors]
    if missing:
        raise NotApplicableError(f"needs a sweep of the study {name}: no factor {' and '.join(missing)} here")
    others = [factor for factor in data.varied if factor not in factors]
    if others:
        raise NotApplicableError(
            f"needs a sweep that varies only {' and '.join(factors)}, but {len(others)} other factors vary"
        )


def _images(data: SweepData) -> pd.DataFrame:
    trials = data.searched[["arm_key", "train_real", "train_synthetic"]].dropna().drop_duplicates("arm_key")
    images = (trials["train_real"] + trials["train_synthetic"]).astype("Int64")
    sizes: pd.DataFrame = trials.assign(images=images)[["arm_key", "images"]]
    return data.arms[["arm_key"]].merge(sizes, how="left", on="arm_key")


def _named(factor: str | None, label: str) -> str:
    return NAMES.get((factor or "", label), label)


def _worded(factor: str | None) -> str:
    return (factor or "").replace("_", " ")


def _chart(kind: StudyFigure, table: pd.DataFrame, order: list[str]) -> Chart:
    main_arms = table[~table["benchmark"]]
    places = list(dict.fromkeys(main_arms["x"]))
    series = list(dict.fromkeys(name for name in order if name in set(table["series"])))
    offsets = dict(zip(series, spread(len(series), 0.8 if kind.bars else 0.6), strict=True))
    layers: list[Layer] = []
    for position, name in enumerate(series):
        for _, row in table[table["benchmark"] & (table["series"] == name)].iterrows():
            value = value_text(row["test_iou"], row["test_low"], row["test_high"])
            layers.append(
                ReferenceLine(name=f"{_benchmark(kind)}, {name}: {value}", at=row["test_iou"], series=position)
            )
    for position, name in enumerate(series):
        arms_of_series = main_arms[main_arms["series"] == name]
        if len(arms_of_series):
            layers.append(
                _series(
                    kind,
                    arms_of_series,
                    [places.index(x) + offsets[name] for x in arms_of_series["x"]],
                    position,
                    len(series),
                )
            )
    ticks = tuple((float(i), _tick(kind, table, place)) for i, place in enumerate(places))
    x = Axis(title=_worded(kind.x), ticks=ticks, low=-0.6, high=len(places) - 0.4)
    y = Axis(title="test IoU", low=0 if kind.bars else None)
    return Chart(x=x, y=y, layers=tuple(layers), legend=_worded(kind.series))


def _series(kind: StudyFigure, arms: pd.DataFrame, x: list[float], position: int, n: int) -> Layer:
    tips = tuple(
        f"{row['x']}{', ' if row['series'] else ''}{row['series']}: "
        f"{value_text(row['test_iou'], row['test_low'], row['test_high'])}, n = {row['replicates']}"
        for _, row in arms.iterrows()
    )
    name, tops = str(arms["series"].iloc[0]), numbers(arms["test_iou"])
    low, high = numbers(arms["test_low"]), numbers(arms["test_high"])
    if kind.bars:
        base = (0.0,) * len(arms)
        width = 0.8 / n
        return Bars(
            name=name, x=tuple(x), base=base, top=tops, width=width, low=low, high=high, series=position, hover=tips
        )
    return Points(name=name, x=tuple(x), y=tops, low=low, high=high, series=position, hover=tips)


def _benchmark(kind: StudyFigure) -> str:
    return "real images alone" if kind.x in ("training_data", "synthetic_share") else str(kind.benchmark)


def _tick(kind: StudyFigure, table: pd.DataFrame, place: str) -> str:
    if not kind.sizes:
        return _named(kind.x, place)
    share = float(place)
    images = numbers([table.loc[table["x"] == place, "images"].max()])[0]
    size = "" if images is None else f"\n{counted(int(images), 'image')}"
    return f"{share:.0%} / {1 - share:.0%}{size}"


def _grid(table: pd.DataFrame) -> Chart:
    columns = list(dict.fromkeys(table["x"]))
    rows = list(dict.fromkeys(table["series"]))
    by_cell = {(row["series"], row["x"]): row for _, row in table.iterrows()}
    values, texts = [], []
    for row in rows:
        row_cells = [by_cell.get((row, column)) for column in columns]
        values.append(numbers([None if cell is None else cell["test_iou"] for cell in row_cells]))
        texts.append(tuple("" if cell is None else _cell_text(cell) for cell in row_cells))
    low, high = colour_range(values)
    x_ticks = tuple((float(i), f"generation{'s' * ('+' in name)} {name}") for i, name in enumerate(columns))
    return Chart(
        x=Axis(title="trained on", ticks=x_ticks),
        y=Axis(title="", ticks=tuple((float(i), name) for i, name in enumerate(rows))),
        layers=(Cells(name="test IoU", values=tuple(values), texts=tuple(texts), low=low, high=high),),
        height=0.4,
    )


def _cell_text(cell: pd.Series) -> str:
    value = value_text(cell["test_iou"], cell["test_low"], cell["test_high"]).replace(" [", "\n[")
    return f"{value}\nn = {cell['replicates']}"
