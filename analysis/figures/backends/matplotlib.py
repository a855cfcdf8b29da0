"""Charts drawn by matplotlib, for print: PNG, PDF, SVG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from analysis.figures.chart import (
    COLOURS,
    Axis,
    Bars,
    Cells,
    Chart,
    Figure,
    Lines,
    Points,
    ReferenceLine,
    Texts,
    line_style,
)
from seatbelt.text.redaction import redact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

ImageFormat = Literal["png", "pdf", "svg"]

_WIDTH = 7.2
"""Inches."""
_DPI = 150
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (8, 3)),
    (0, (3, 3)),
    (0, (1, 4)),
)
_HATCHES = ("", "//", "..", "xx", "\\\\", "--", "oo")
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "seatbelt",
    "pdf.fonttype": 42,
    "hatch.linewidth": 0.6,
    "figure.dpi": _DPI,
}


def image(figure: Figure, form: ImageFormat) -> bytes:
    """Return a figure as a file; equal figures give equal files."""
    from matplotlib import rc_context

    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
    file = io.BytesIO()
    with rc_context(_STYLE), quiet():
        canvas(figure).savefig(file, format=form, bbox_inches="tight", metadata=metadata)
    return file.getvalue()


def canvas(figure: Figure) -> Canvas:
    """Return a matplotlib figure with the title but without the caption."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    chart = figure.chart
    with rc_context(_STYLE), quiet():
        page = Canvas(figsize=(_WIDTH, _WIDTH * chart.height), layout="constrained")
        axes = page.add_subplot()
        axes.set_title(_clean(figure.title), loc="left", fontweight="bold", fontsize=10)
        for layer in chart.layers:
            _LAYERS[type(layer)](axes, layer)
        _axis(axes, chart.x, "x")
        _axis(axes, chart.y, "y")
        if any(isinstance(layer, Cells) for layer in chart.layers):
            axes.grid(False)
        _legend(page, axes, chart)
    return page


def _points(axes: Axes, layer: Points) -> None:
    series = layer.series % len(COLOURS)
    colour = COLOURS[series]
    if layer.low:
        draw = axes.vlines if layer.along == "y" else axes.hlines
        bounded = [
            (x if layer.along == "y" else y, low, high)
            for x, y, low, high in zip(layer.x, layer.y, layer.low, layer.high, strict=True)
            if low is not None and high is not None
        ]
        if bounded:
            at, low, high = (list(values) for values in zip(*bounded, strict=True))
            draw(at, low, high, colors=colour, linewidth=4 if layer.thick else 1.3)
    axes.plot(
        [_number(x) for x in layer.x],
        [_number(y) for y in layer.y],
        linestyle="none",
        marker={"cross": "x", "tick": "|"}.get(layer.marker, _MARKERS[series]),
        markersize=5.5,
        color=colour,
        markerfacecolor="white" if layer.marker == "hollow" else colour,
        label=_clean(layer.name) or None,
    )


def _bars(axes: Axes, layer: Bars) -> None:
    series = layer.series % len(COLOURS)
    present = [i for i, top in enumerate(layer.top) if top is not None]
    x = [_number(layer.x[i]) for i in present]
    base = [_number(layer.base[i]) for i in present]
    heights = [_number(layer.top[i]) - low for i, low in zip(present, base, strict=True)]
    axes.bar(
        x,
        heights,
        layer.width * 0.92,
        bottom=base,
        color=COLOURS[series],
        hatch=_HATCHES[series],
        edgecolor="white",
        label=_clean(layer.name),
    )
    for i in present:
        if layer.low and layer.low[i] is not None:
            axes.vlines(_number(layer.x[i]), _number(layer.low[i]), _number(layer.high[i]), colors="black", linewidth=1)
        if layer.texts and layer.texts[i]:
            middle = (_number(layer.base[i]) + _number(layer.top[i])) / 2
            axes.text(
                _number(layer.x[i]),
                middle,
                _clean(layer.texts[i]),
                ha="center",
                va="center",
                fontsize=7.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
            )


def _lines(axes: Axes, layer: Lines) -> None:
    colour, dash = line_style(layer.series)
    for number, (x, y) in enumerate(zip(layer.x, layer.y, strict=True)):
        axes.plot(
            [_number(value) for value in x],
            [_number(value) for value in y],
            color=COLOURS[colour],
            linestyle=_DASHES[dash],
            linewidth=0.7 if layer.faint else 1.4,
            alpha=0.45 if layer.faint else 1,
            drawstyle="steps-post" if layer.steps else "default",
            label=_clean(layer.name) if number == 0 and layer.name else None,
        )


def _rule(axes: Axes, layer: ReferenceLine) -> None:
    colour = "#666666" if layer.series is None else COLOURS[layer.series % len(COLOURS)]
    draw = axes.axhline if layer.along == "x" else axes.axvline
    dash = (0, (2, 2)) if layer.series is None else _DASHES[layer.series % len(COLOURS)]
    draw(layer.at, color=colour, linestyle=dash, linewidth=1, label=_clean(layer.name) or None)


def _cells(axes: Axes, layer: Cells) -> None:
    import numpy as np

    values = np.array([[np.nan if value is None else value for value in row] for row in layer.values])
    mesh = axes.imshow(values, aspect="auto", cmap="cividis", vmin=layer.low, vmax=layer.high)
    light = _light(layer)
    for j, row in enumerate(layer.texts):
        for i, text in enumerate(row):
            axes.text(
                i, j, _clean(text), ha="center", va="center", fontsize=7.5, color="black" if light[j][i] else "white"
            )
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(mesh, ax=axes, label=_clean(layer.name), shrink=0.8)


def _light(layer: Cells) -> list[list[bool]]:
    """Return which cells are light and need dark text."""
    middle = layer.low + 0.55 * (layer.high - layer.low)
    return [[value is None or value > middle for value in row] for row in layer.values]


def _texts(axes: Axes, layer: Texts) -> None:
    for x, y, text in zip(layer.x, layer.y, layer.texts, strict=True):
        axes.text(
            x,
            y,
            _clean(text),
            ha="center",
            va="center",
            fontsize=7,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )


_LAYERS: dict[type, Any] = {
    Points: _points,
    Bars: _bars,
    Lines: _lines,
    ReferenceLine: _rule,
    Cells: _cells,
    Texts: _texts,
}


def _axis(axes: Axes, axis: Axis, which: Literal["x", "y"]) -> None:
    names = [_clean(name) for _, name in axis.ticks]
    set_ticks, set_label = (axes.set_xticks, axes.set_xlabel) if which == "x" else (axes.set_yticks, axes.set_ylabel)
    if axis.log:
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        side = axes.xaxis if which == "x" else axes.yaxis
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        side.set_major_formatter(StrMethodFormatter("{x:,.4g}"))
        side.set_minor_formatter(NullFormatter())
    if axis.whole:
        from matplotlib.ticker import MaxNLocator

        (axes.xaxis if which == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True))
    if names:
        set_ticks([place for place, _ in axis.ticks], names)
        axes.tick_params(axis=which, which="both", length=0)
    if which == "x" and sum(len(max(name.split("\n"), key=len)) + 2 for name in names) > 90:
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    set_label(_clean(axis.title))
    if axis.low is not None or axis.high is not None:
        (axes.set_xlim if which == "x" else axes.set_ylim)(axis.low, axis.high)


def _legend(page: Canvas, axes: Axes, chart: Chart) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels and (len(labels) > 1 or isinstance(chart.layers[-1], ReferenceLine)):
        columns = 1 if max(map(len, labels)) > 36 else min(4, len(labels))
        page.legend(handles, labels, loc="outside lower center", ncols=columns, title=_clean(chart.legend), fontsize=8)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _clean(text: str) -> str:
    from seatbelt.text.redaction import printable

    return printable(redact(text), keep="\n")


@contextmanager
def quiet() -> Iterator[None]:
    """Draw without warnings about missing glyphs."""
    with warnings.catch_warnings():
        # A missing glyph is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield
