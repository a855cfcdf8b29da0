"""Every figure is drawn by both libraries, whatever its texts are."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from analysis import load
from analysis.figures import FIGURES, figure
from analysis.figures.backends import matplotlib_layers, plotly
from analysis.figures.backends.plotly import plotly_chart
from analysis.figures.chart import (
    COLOURS,
    Axis,
    Bars,
    Cells,
    Chart,
    Figure,
    Lines,
    NotApplicableError,
    Points,
    ReferenceLine,
    Texts,
    colour_range,
    extent,
    line_style,
    shortened,
    spread,
    whole_axis,
    with_interval,
)
from analysis.figures.files import figure_file
from analysis.figures.study_list import STUDY_FIGURES
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.text.wording import counted
from tests.analysis.report.large import write_large_sweep

HOSTILE = 'a $\\frac{$ <img src=x onerror=alert(1)> & "\x1b[2J\u202e ☃'


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> SweepData:
    """A hundred trials that were promoted through rungs."""
    return SweepData(load(write_large_sweep(tmp_path_factory.mktemp("s") / "s", trials=100, images=6)))


def every_layer() -> Chart:
    points = Points(name=HOSTILE, x=(0, 1, None), y=(0.5, None, 1), low=(0.4, None, None), high=(0.6, None, None))
    return Chart(
        x=Axis(title=HOSTILE, ticks=((0.0, HOSTILE), (1.0, "b")), low=-1, high=2),
        y=Axis(title="y", low=0),
        layers=(
            ReferenceLine(name="rule", at=0.5),
            ReferenceLine(name="", at=0.5, along="y"),
            Bars(
                name="bars", x=(0, 1), base=(0, 0.1), top=(0.5, None), width=0.4, texts=("1", ""), hover=(HOSTILE, "")
            ),
            Lines(name="lines", x=((0, 1), (0, 1)), y=((0, 1), (1, None)), steps=True, hover=("one", "two")),
            points,
            Points(name="", x=(0,), y=(1,), marker="cross", along="x", low=(0,), high=(1,), thick=True),
            Texts(x=(0.5,), y=(0.5,), texts=(HOSTILE,)),
        ),
        legend=HOSTILE,
    )


def drawn(chart: Chart) -> Figure:
    import pandas as pd

    columns = [Column("a", "string", "text"), Column("b", "float64", "number")]
    table = pd.DataFrame({"a": ["=1+1", "x"], "b": [0.5, None]})
    return Figure(name="f", title=HOSTILE, caption="", alt="", columns=columns, table=table, chart=chart)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_is_drawn_with_caption_and_alt_text(name: str, material: SweepData) -> None:
    try:
        result = figure(name, material)
    except NotApplicableError:
        # The figures of the thesis' studies are tested in test_studies.
        assert name in {
            *(kind.name for kind in STUDY_FIGURES),
            "heat_map",
            "cost_parameters",
            "cost_per_image",
            "running",
        }
        return
    assert result.name == name
    named = [column.name for column in result.columns if column.name != "(factors)"]
    assert set(named) <= set(result.table.columns)
    assert len(result.caption) > 40 and len(result.alt) > 20
    assert re.search(r"\bn\b|interval|trials|images", result.caption), "no number without its n and interval"
    assert figure_file(result, "png").startswith(b"\x89PNG")
    check_plotly(result.chart)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_hostile_texts_are_drawn_as_they_are(form: Any) -> None:
    data = figure_file(drawn(every_layer()), form)
    assert data.startswith({"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[form])
    if form == "svg":
        text = data.decode()
        assert "<img" not in text and "&lt;img src=x" in text
        assert "\x1b" not in text and r"\x1b" in text
        assert figure_file(drawn(every_layer()), "svg") == data, "the same figure is the same file"


def test_plotly_reads_no_marks_in_texts() -> None:
    chart = every_layer()
    check_plotly(chart)
    text = json.dumps(plotly_chart(chart))
    assert "<img" not in text and "&lt;img src=x" in text
    assert "\\u001b" not in text


@pytest.mark.slow
def test_cells_become_a_heat_map_with_texts() -> None:
    cells = Cells(name="IoU", values=((0.1, None), (0.3, 0.2)), texts=(("a", ""), ("b", "c")), low=0.1, high=0.3)
    ticks = ((0.0, "l"), (1.0, "r"))
    chart = Chart(x=Axis(title="x", ticks=ticks), y=Axis(title="y", ticks=ticks), layers=(cells,))
    check_plotly(chart)
    specification = plotly_chart(chart)
    assert specification["data"][0]["z"] == [[0.1, None], [0.3, 0.2]]
    assert specification["layout"]["yaxis"]["autorange"] == "reversed"
    # Light cells have dark texts.
    assert [note["font"]["color"] for note in specification["layout"]["annotations"]] == ["white", "black", "white"]
    assert figure_file(drawn(chart), "png").startswith(b"\x89PNG")


def test_bounds_become_what_plotly_adds() -> None:
    points = Points(name="a", x=(1,), y=(0.5,), low=(0.4,), high=(0.7,))
    (trace,) = plotly_chart(Chart(x=Axis(title=""), y=Axis(title=""), layers=(points,)))["data"]
    assert trace["error_y"]["array"] == [pytest.approx(0.2)]
    assert trace["error_y"]["arrayminus"] == [pytest.approx(0.1)]


def test_csv_holds_no_formulas() -> None:
    rows = list(csv.reader(io.StringIO(figure_file(drawn(every_layer()), "csv").decode())))
    assert rows == [["a", "b"], ["'=1+1", "0.5"], ["x", ""]]


def test_looks_differ_in_grey_too() -> None:
    for module in (matplotlib_layers, plotly):
        for marks in (module._MARKERS, module._DASHES, module._HATCHES):
            assert len(marks) == len(COLOURS)
        assert len(set(module._MARKERS)) == len(set(module._HATCHES)) == len(COLOURS)


def test_numbers_and_texts_are_formatted_for_figures() -> None:
    assert (counted(1, "arm"), counted(2000, "arm")) == ("1 arm", "2,000 arms")
    assert (extent([3, 3]), extent([5, 1, 3])) == ("3", "1 to 5")
    assert shortened("abcdefgh", 6) == "abc..."
    assert spread(3, 0.6) == pytest.approx([-0.2, 0, 0.2])
    assert with_interval(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"
    assert (with_interval(0.5, None, float("nan")), with_interval(None, 1, 2)) == ("0.500", "-")
    assert colour_range([(0.5, None), (0.5,)]) == pytest.approx((0.475, 0.525))
    assert whole_axis("epoch", 1, 3).ticks == ((1.0, "1"), (2.0, "2"), (3.0, "3"))
    assert whole_axis("epoch", 1, 50).ticks == ()


def check_plotly(chart: Chart) -> None:
    """Check that plotly accepts every property except `plate`, which only the page reads."""
    from plotly.graph_objects import Figure as Plot

    specification = json.loads(json.dumps(plotly_chart(chart), allow_nan=False))
    for note in specification["layout"]["annotations"]:
        note.pop("plate", None)
    Plot(data=specification["data"], layout=specification["layout"])


def test_no_two_of_many_lines_look_alike() -> None:
    lines = tuple(Lines(name=str(look), x=((0.0, 1.0),), y=((0.0, 1.0),), series=look) for look in range(20))
    assert len({line_style(line.series) for line in lines}) == 20
    traces = plotly_chart(Chart(x=Axis(title="x"), y=Axis(title="y"), layers=lines))["data"]
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in traces}) == 20
