"""Charts as plain data for plotly.js: `{"data": [...], "layout": {...}}`.

The page sets the colours of text, lines and background, depending on its light or dark theme.
"""

from __future__ import annotations

from typing import Any

from analysis.figures.chart import (
    COLOURS,
    Axis,
    Bars,
    Cells,
    Chart,
    Lines,
    Numbers,
    Points,
    ReferenceLine,
    Texts,
    line_style,
)
from analysis.figures.clean_texts import with_texts

_MARKERS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,6px")
_HATCHES = ("", "/", ".", "x", "\\", "-", "+")
_CIVIDIS = list(enumerate(("#00224e", "#2a3f6d", "#5d626e", "#8a8678", "#bcae6c", "#fee838")))
"""Nunez, Anderton and Renslow, "Optimizing colormaps with consideration for color vision deficiency" (2018)."""


def plotly_chart(chart: Chart) -> dict[str, Any]:
    """Return a chart as `data` and `layout` of plotly.js."""
    chart = with_texts(chart, _escape)
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for layer in chart.layers:
        if isinstance(layer, ReferenceLine):
            shapes.append(_rule(layer))
            data += [_rule_mark(layer, chart)] if layer.name else []
        elif isinstance(layer, Texts):
            notes += _texts(layer)
        elif isinstance(layer, Cells):
            data.append(_cells(layer))
            notes += _cell_notes(layer)
        else:
            data += _TRACES[type(layer)](layer)
    layout: dict[str, Any] = {
        "xaxis": _axis(chart.x, cells=False),
        "yaxis": _axis(chart.y, cells=any(isinstance(layer, Cells) for layer in chart.layers)),
        "shapes": shapes,
        "annotations": notes,
        "legend": {"title": {"text": chart.legend}, "traceorder": "normal"},
        "showlegend": sum(bool(trace.get("showlegend", True) and trace.get("name")) for trace in data) > 1,
        **({"barmode": "overlay"} if any(isinstance(layer, Bars) for layer in chart.layers) else {}),
    }
    return {"data": data, "layout": layout, "height": chart.height}


def _points(layer: Points) -> list[dict[str, Any]]:
    series = layer.series % len(COLOURS)
    symbol = {"hollow": f"{_MARKERS[series]}-open", "cross": "x-thin-open", "tick": "line-ns-open"}
    trace = {
        "type": "scatter",
        "mode": "markers",
        "name": layer.name,
        "showlegend": bool(layer.name),
        "x": list(layer.x),
        "y": list(layer.y),
        "marker": {
            "color": COLOURS[series],
            "symbol": symbol.get(layer.marker, _MARKERS[series]),
            "size": 7 if layer.marker in ("cross", "tick") else 9,
            "line": {"width": 1.5, "color": COLOURS[series]},
        },
        **_hover(list(layer.hover)),
    }
    if layer.low:
        trace[f"error_{layer.along}"] = _error(
            layer.y if layer.along == "y" else layer.x,
            layer.low,
            layer.high,
            COLOURS[series],
            5 if layer.thick else 1.5,
        )
    return [trace]


def _bars(layer: Bars) -> list[dict[str, Any]]:
    series = layer.series % len(COLOURS)
    trace = {
        "type": "bar",
        "name": layer.name,
        "showlegend": bool(layer.name),
        "x": list(layer.x),
        "y": [_difference(top, base) for top, base in zip(layer.top, layer.base, strict=True)],
        "base": list(layer.base),
        "width": layer.width * 0.92,
        "marker": {
            "color": COLOURS[series],
            "pattern": {"shape": _HATCHES[series], "fgcolor": "white", "size": 6, "solidity": 0.25},
        },
        **({"text": list(layer.texts), "textposition": "inside"} if layer.texts else {}),
        **_hover(list(layer.hover)),
    }
    if layer.low:
        trace["error_y"] = _error(layer.top, layer.low, layer.high, None, 1.5)
    return [trace]


def _lines(layer: Lines) -> list[dict[str, Any]]:
    colour, dash = line_style(layer.series)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": layer.name,
            "legendgroup": layer.name,
            "showlegend": bool(layer.name) and number == 0,
            "x": list(x),
            "y": list(y),
            "opacity": 0.5 if layer.faint else 1,
            "line": {
                "color": COLOURS[colour],
                "dash": _DASHES[dash],
                "width": 1 if layer.faint else 2,
                "shape": "hv" if layer.steps else "linear",
            },
            **_hover(layer.hover[number] if layer.hover else "", "text+y"),
        }
        for number, (x, y) in enumerate(zip(layer.x, layer.y, strict=True))
    ]


def _rule_mark(layer: ReferenceLine, chart: Chart) -> dict[str, Any]:
    """Return a trace that adds a reference line to the legend and the axis range, which a shape does not."""
    across, along = ("x", "y") if layer.along == "x" else ("y", "x")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": layer.name,
        across: [(chart.x.low if layer.along == "x" else chart.y.low) or 0],
        along: [layer.at],
        "line": _rule_line(layer),
        "hoverinfo": "skip",
    }


_TRACES: dict[type, Any] = {Points: _points, Bars: _bars, Lines: _lines}


def _rule(layer: ReferenceLine) -> dict[str, Any]:
    across, along = ("x", "y") if layer.along == "x" else ("y", "x")
    return {
        "type": "line",
        "layer": "below",
        f"{across}ref": "paper",
        f"{across}0": 0,
        f"{across}1": 1,
        f"{along}0": layer.at,
        f"{along}1": layer.at,
        "line": _rule_line(layer),
    }


def _rule_line(layer: ReferenceLine) -> dict[str, Any]:
    if layer.series is None:
        return {"dash": "dot", "width": 1.5, "color": COLOURS[-1]}
    return {"dash": _DASHES[layer.series % len(COLOURS)], "width": 1.5, "color": COLOURS[layer.series % len(COLOURS)]}


def _cells(layer: Cells) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "z": [list(row) for row in layer.values],
        "zmin": layer.low,
        "zmax": layer.high,
        "colorscale": [[place / 5, colour] for place, colour in _CIVIDIS],
        "colorbar": {"title": {"text": layer.name, "side": "right"}, "thickness": 12},
        "text": [list(row) for row in layer.texts],
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
    }


def _cell_notes(layer: Cells) -> list[dict[str, Any]]:
    middle = layer.low + 0.55 * (layer.high - layer.low)
    return [
        {
            "x": i,
            "y": j,
            "text": text,
            "showarrow": False,
            "font": {"size": 11, "color": "black" if (layer.values[j][i] or 0) > middle else "white"},
        }
        for j, row in enumerate(layer.texts)
        for i, text in enumerate(row)
        if text
    ]


def _texts(layer: Texts) -> list[dict[str, Any]]:
    return [
        {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": 10}, "plate": True}
        for x, y, text in zip(layer.x, layer.y, layer.texts, strict=True)
    ]


def _axis(axis: Axis, *, cells: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {"title": {"text": axis.title}, "automargin": True, "zeroline": False}
    if axis.ticks:
        settings |= {"tickvals": [place for place, _ in axis.ticks], "ticktext": [name for _, name in axis.ticks]}
    if axis.log:
        settings |= {"type": "log"}
    if axis.whole:
        settings |= {"tickformat": ",d"}
    if cells:
        settings |= {"autorange": "reversed"}
    elif axis.low is not None and axis.high is not None:
        settings |= {"range": [axis.low, axis.high]}
    elif axis.low is not None:
        settings |= {"rangemode": "tozero"}
    return settings


def _error(middle: Numbers, low: Numbers, high: Numbers, colour: str | None, thickness: float) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_difference(bound, value) for bound, value in zip(high, middle, strict=True)],
        "arrayminus": [_difference(value, bound) for bound, value in zip(low, middle, strict=True)],
        "thickness": thickness,
        "width": 0,
        **({"color": colour} if colour else {}),
    }


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _hover(texts: str | list[str], info: str = "text") -> dict[str, Any]:
    return {"hovertext": texts, "hoverinfo": info} if texts else {}


def _escape(text: str) -> str:
    # plotly.js interprets some HTML markup.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
