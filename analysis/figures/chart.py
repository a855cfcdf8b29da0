"""Charts as data: axes and layers with numbers, independent of the drawing library.

A figure computes a table and turns it into layers; the backends draw layers without any arithmetic. Positions are
numbers even on axes with names, so both backends draw the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from seatbelt.errors import UserError
from seatbelt.records.columns import Column

if TYPE_CHECKING:
    import pandas as pd

Numbers = tuple[float | None, ...]
Along = Literal["x", "y"]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis."""

    title: str
    ticks: tuple[tuple[float, str], ...] = ()
    """Position -> name; empty for a numeric axis."""
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    """Ticks at whole numbers only."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Markers of one series, with error bars where bounds are known."""

    name: str
    x: Numbers
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()
    along: Along = "y"
    """The axis of the bounds."""
    series: int = 0
    marker: Literal["full", "hollow", "cross", "tick"] = "full"
    """Full and hollow markers have the shape of the series."""
    thick: bool = False
    """Whether the error bars are thick."""
    hover: tuple[str, ...] = ()
    """Hover text of each marker."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Vertical bars of one series."""

    name: str
    x: Numbers
    base: Numbers
    top: Numbers
    width: float
    low: Numbers = ()
    high: Numbers = ()
    series: int = 0
    texts: tuple[str, ...] = ()
    """Text in each bar."""
    hover: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines of one series, with one legend entry."""

    name: str
    x: tuple[Numbers, ...]
    y: tuple[Numbers, ...]
    series: int = 0
    faint: bool = False
    steps: bool = False
    """Each value holds until the next."""
    hover: tuple[str, ...] = ()
    """Hover text of each line."""


@dataclass(frozen=True, kw_only=True)
class ReferenceLine:
    """A straight line across the whole chart."""

    name: str
    at: float
    along: Along = "x"
    """The axis it is parallel to."""
    series: int | None = None
    """None for the colour of the axes."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A grid of coloured cells with texts; a cell without a value is empty."""

    name: str
    values: tuple[Numbers, ...]
    """Rows from the top; the y ticks number them from 0."""
    texts: tuple[tuple[str, ...], ...]
    low: float
    """Value of the darkest colour."""
    high: float


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Texts at positions."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    texts: tuple[str, ...]


Layer = Points | Bars | Lines | ReferenceLine | Cells | Texts


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Axes with layers, from back to front."""

    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    legend: str = ""
    """Title of the legend."""
    height: float = 0.6
    """Height as a share of the width."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its texts and its table."""

    name: str
    title: str
    caption: str
    """Plain words, with the kind of the intervals and their sample size."""
    alt: str
    """Alternative text."""
    columns: list[Column] = field(default_factory=list)
    table: pd.DataFrame
    """The numbers, in these columns."""
    chart: Chart


class NotApplicableError(UserError):
    """A sweep lacks the data of a figure; the message completes "this figure ..."."""


# Okabe and Ito, "Color Universal Design" (2008), without yellow, which is invisible on white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Colours of series; markers, dashes and hatches differ as well, for print in grey."""
COLOUR_COUNT = len(COLOURS)


def line_style(series: int) -> tuple[int, int]:
    """Return the indices of a line's colour and dash; both change with each series, and pairs repeat late."""
    again, colour = divmod(series, COLOUR_COUNT)
    return colour, (colour + again) % COLOUR_COUNT


def numbers(values: Iterable[object]) -> Numbers:
    """Return the numbers of a column; missing values are None."""
    import pandas as pd

    return tuple(None if pd.isna(value) else float(value) for value in values)  # type: ignore[call-overload,arg-type]


def spread(n: int, width: float) -> list[float]:
    """Return n positions side by side around 0 within a total width."""
    step = width / max(n, 1)
    return [(i - (n - 1) / 2) * step for i in range(n)]


def whole_axis(title: str, first: int, last: float, low: float | None = None) -> Axis:
    """Return an axis of whole numbers with a tick at each if there are few."""
    few = last - first < 12
    ticks = tuple((float(i), str(i)) for i in range(first, int(last) + 1)) if few else ()
    return Axis(title=title, ticks=ticks, low=low, whole=not few)


def shortened(text: str, most: int = 44) -> str:
    """Return a text cut to at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def extent(values: Iterable[int]) -> str:
    """Return `3` if all numbers are 3, or `1 to 3`."""
    ordered = sorted(int(value) for value in values)
    low, high = ordered[0], ordered[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def colour_range(values: Sequence[Numbers], least: float = 0.05) -> tuple[float, float]:
    """Return the range of colours, wide enough that small differences do not look large."""
    present = [value for row in values for value in row if value is not None]
    low, high = min(present), max(present)
    wider = max(0.0, least - (high - low)) / 2
    return low - wider, high + wider


def with_interval(value: object, low: object, high: object, digits: int = 3) -> str:
    """Return `0.512 [0.488, 0.536]`, or the value alone if no interval is known."""
    first, *bounds = numbers([value, low, high])
    if first is None:
        return "-"
    if bounds[0] is None or bounds[1] is None:
        return f"{first:.{digits}f}"
    return f"{first:.{digits}f} [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"
