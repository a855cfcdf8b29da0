"""The layers of charts drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.figures.chart import COLOURS, Bars, Cells, Lines, Points, ReferenceLine, Texts, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        label=layer.name or None,
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
        label=layer.name,
    )
    for i in present:
        if layer.low and layer.low[i] is not None:
            axes.vlines(_number(layer.x[i]), _number(layer.low[i]), _number(layer.high[i]), colors="black", linewidth=1)
        if layer.texts and layer.texts[i]:
            middle = (_number(layer.base[i]) + _number(layer.top[i])) / 2
            axes.text(
                _number(layer.x[i]),
                middle,
                layer.texts[i],
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
            label=layer.name if number == 0 and layer.name else None,
        )


def _rule(axes: Axes, layer: ReferenceLine) -> None:
    colour = "#666666" if layer.series is None else COLOURS[layer.series % len(COLOURS)]
    draw = axes.axhline if layer.along == "x" else axes.axvline
    dash = (0, (2, 2)) if layer.series is None else _DASHES[layer.series % len(COLOURS)]
    draw(layer.at, color=colour, linestyle=dash, linewidth=1, label=layer.name or None)


def _cells(axes: Axes, layer: Cells) -> None:
    import numpy as np

    values = np.array([[np.nan if value is None else value for value in row] for row in layer.values])
    mesh = axes.imshow(values, aspect="auto", cmap="cividis", vmin=layer.low, vmax=layer.high)
    light = _light(layer)
    for j, row in enumerate(layer.texts):
        for i, text in enumerate(row):
            axes.text(i, j, text, ha="center", va="center", fontsize=7.5, color="black" if light[j][i] else "white")
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(mesh, ax=axes, label=layer.name, shrink=0.8)


def _light(layer: Cells) -> list[list[bool]]:
    """Return which cells are light and need dark text."""
    middle = layer.low + 0.55 * (layer.high - layer.low)
    return [[value is None or value > middle for value in row] for row in layer.values]


def _texts(axes: Axes, layer: Texts) -> None:
    for x, y, text in zip(layer.x, layer.y, layer.texts, strict=True):
        axes.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            fontsize=7,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


DRAW: dict[type, Any] = {
    Points: _points,
    Bars: _bars,
    Lines: _lines,
    ReferenceLine: _rule,
    Cells: _cells,
    Texts: _texts,
}
"""Kind of layer -> function that draws it on axes."""
