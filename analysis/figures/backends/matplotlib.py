"""Charts drawn by matplotlib, for print: PNG, PDF, SVG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from analysis.figures.backends.matplotlib_layers import DRAW
from analysis.figures.chart import Axis, Cells, Chart, Figure, ReferenceLine
from analysis.figures.clean_texts import clean_text, with_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

ImageFormat = Literal["png", "pdf", "svg"]

_WIDTH = 7.2
"""Inches."""
_DPI = 150
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

    chart = with_texts(figure.chart)
    with rc_context(_STYLE), quiet():
        page = Canvas(figsize=(_WIDTH, _WIDTH * chart.height), layout="constrained")
        axes = page.add_subplot()
        axes.set_title(clean_text(figure.title), loc="left", fontweight="bold", fontsize=10)
        for layer in chart.layers:
            DRAW[type(layer)](axes, layer)
        _axis(axes, chart.x, "x")
        _axis(axes, chart.y, "y")
        if any(isinstance(layer, Cells) for layer in chart.layers):
            axes.grid(False)
        _legend(page, axes, chart)
    return page


def _axis(axes: Axes, axis: Axis, which: Literal["x", "y"]) -> None:
    names = [name for _, name in axis.ticks]
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
    set_label(axis.title)
    if axis.low is not None or axis.high is not None:
        (axes.set_xlim if which == "x" else axes.set_ylim)(axis.low, axis.high)


def _legend(page: Canvas, axes: Axes, chart: Chart) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels and (len(labels) > 1 or isinstance(chart.layers[-1], ReferenceLine)):
        columns = 1 if max(map(len, labels)) > 36 else min(4, len(labels))
        page.legend(handles, labels, loc="outside lower center", ncols=columns, title=chart.legend, fontsize=8)


@contextmanager
def quiet() -> Iterator[None]:
    """Draw without warnings about missing glyphs."""
    with warnings.catch_warnings():
        # A missing glyph is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield
