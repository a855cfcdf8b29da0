"""What a figure shows, as data: axes and layers with numbers, before anything is drawn.

A figure computes a table and puts its numbers into layers; `plotly_drawing` and `matplotlib_drawing` draw layers and
calculate nothing. Positions are numbers also where an axis has names, so that both draw the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from seatbelt.errors import UserError
from seatbelt.records.tables import Column

if TYPE_CHECKING:
    import pandas as pd

Numbers = tuple[float | None, ...]
Along = Literal["x", "y"]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis."""

    title: str
    ticks: tuple[tuple[float, str], ...] = ()
    """Position -> name; empty for ordinary numbers."""
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    """Only whole numbers are marked."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Markers of one kind, with bars of uncertainty where bounds are known."""

    name: str
    x: Numbers
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()
    along: Along = "y"
    """The axis that the bounds are on."""
    series: int = 0
    marker: Literal["full", "hollow", "cross", "tick"] = "full"
    """Full and hollow ones have the shape of the look."""
    thick: bool = False
    """Whether the bars are."""
    hover: tuple[str, ...] = ()
    """What is said of each marker."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Upright bars of one kind."""

    name: str
    x: Numbers
    base: Numbers
    top: Numbers
    width: float
    low: Numbers = ()
    high: Numbers = ()
    series: int = 0
    texts: tuple[str, ...] = ()
    """Written into each bar."""
    hover: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines of one kind: one name and one look for all."""

    name: str
    x: tuple[Numbers, ...]
    y: tuple[Numbers, ...]
    series: int = 0
    faint: bool = False
    steps: bool = False
    """Each value holds until the next."""
    hover: tuple[str, ...] = ()
    """What is said of each line."""


@dataclass(frozen=True, kw_only=True)
class ReferenceLine:
    """A straight line through the whole figure."""

    name: str
    at: float
    along: Along = "x"
    """The axis that it is parallel to."""
    series: int | None = None
    """None for the colour of the axes."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A grid of coloured cells with a text in each; there is nothing where a value is None."""

    name: str
    values: tuple[Numbers, ...]
    """Rows from the top; the ticks of the y axis count them from 0."""
    texts: tuple[tuple[str, ...], ...]
    low: float
    """Value of the darkest colour."""
    high: float


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Words at places."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    texts: tuple[str, ...]


Layer = Points | Bars | Lines | ReferenceLine | Cells | Texts


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Axes and what is on them, from back to front."""

    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    legend: str = ""
    """Title of the legend."""
    height: float = 0.6
    """As a share of the width."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with all that it says."""

    name: str
    title: str
    caption: str
    """In plain words, with what the intervals are and over how many they go."""
    alt: str
    """What is to be seen, for those who do not see it."""
    columns: list[Column] = field(default_factory=list)
    table: pd.DataFrame
    """The numbers, with the columns above."""
    chart: Chart


class NotApplicable(UserError):
    """A sweep does not hold what a figure shows; the message is the rest of "this figure ..."."""


# Okabe and Ito, "Color Universal Design" (2008), without the yellow that white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Colours of looks; markers, dashes and hatches differ too, for print in grey."""
COLOUR_COUNT = len(COLOURS)


def line_style(series: int) -> tuple[int, int]:
    """Return the numbers of a line's colour and dash: both change with each look, and no pair comes twice soon."""
    again, colour = divmod(series, COLOUR_COUNT)
    return colour, (colour + again) % COLOUR_COUNT


def numbers(values: Iterable[object]) -> Numbers:
    """Return numbers of a column; what is missing is None."""
    import pandas as pd

    return tuple(None if pd.isna(value) else float(value) for value in values)  # type: ignore[call-overload,arg-type]


def spread(n: int, width: float) -> list[float]:
    """Return n places side by side around 0, with their outer edges at most half a width away."""
    step = width / max(n, 1)
    return [(i - (n - 1) / 2) * step for i in range(n)]


def whole_axis(title: str, first: int, last: float, low: float | None = None) -> Axis:
    """Return an axis of whole numbers; where there are few, each is marked."""
    few = last - first < 12
    ticks = tuple((float(i), str(i)) for i in range(first, int(last) + 1)) if few else ()
    return Axis(title=title, ticks=ticks, low=low, whole=not few)


def shortened(text: str, most: int = 44) -> str:
    """Return a text with at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def extent(values: Iterable[int]) -> str:
    """Return `3` where all numbers are 3, else `1 to 3`."""
    ordered = sorted(int(value) for value in values)
    low, high = ordered[0], ordered[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def colour_range(values: Sequence[Numbers], least: float = 0.05) -> tuple[float, float]:
    """Return the least and the largest value of cells, so far apart that small differences do not look large."""
    present = [value for row in values for value in row if value is not None]
    low, high = min(present), max(present)
    wider = max(0.0, least - (high - low)) / 2
    return low - wider, high + wider


def with_interval(value: object, low: object, high: object, digits: int = 3) -> str:
    """Return `0.512 [0.488, 0.536]`, or the value alone where no interval is known."""
    first, *bounds = numbers([value, low, high])
    if first is None:
        return "-"
    if bounds[0] is None or bounds[1] is None:
        return f"{first:.{digits}f}"
    return f"{first:.{digits}f} [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"
