"""A report as one HTML file that works without any network.

The template escapes everything from tables. A content security policy allows only our own scripts, by their hashes, so
that injected text can neither run nor send anything. plotly.js is embedded compressed and unpacked after the page is
shown (docs/decisions/0018-report-page.md has the measurements).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from analysis.figures.backends.plotly import plotly_chart
from analysis.figures.chart import Figure
from analysis.figures.files import table_rows
from analysis.report.blocks import BigTable, Column, Picture, Report, cell_text
from seatbelt.text.redaction import printable, redactor

FIRST_ROWS = 25
"""Rows of a large table that are shown without scripts."""
FIGURE_ROWS = 100
"""Most rows of a figure's table; files of the figure have all."""


def html_report(report: Report, *, reload_seconds: float | None = None, live: str | None = None) -> str:
    """Return a report as a page.

    Args:
        report: The report.
        reload_seconds: Interval at which the page reloads, for a file that is rewritten regularly.
        live: Stamp of this state; the page polls its server for a newer one
            (`seatbelt dashboard`).
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    show = _cleaner(redactor())
    environment = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=show,
    )
    environment.filters |= {"cell": cell_text, "code": _code_parts}
    environment.tests |= {"numeric": _numeric}
    blocks = (block for part in report.parts for section in part.sections for block in section.blocks)
    # A live page may get its first figure later.
    draws = live is not None or any(isinstance(block, Picture) for block in blocks)
    script, plotly = _asset("report.js"), _plotly()
    page: str = environment.get_template("report.html.jinja").render(
        report=report,
        style=_Verbatim(_asset("report.css")),
        script=_Verbatim(script),
        policy=_policy([script, plotly.source] if draws else [script], live=live is not None),
        plotly=_Verbatim(plotly.packed if draws else ""),
        reload_seconds=reload_seconds,
        live=live,
        kind=lambda block: type(block).__name__,
        big_data=lambda table: _big_data(table, show),
        chart_data=_chart_data,
        figure_table=_figure_table,
        data_url=lambda jpeg: _Verbatim(f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"),
        first_rows=FIRST_ROWS,
    )
    return page.lstrip()


class _Verbatim(str):
    """Trusted text that the template does not escape."""

    def __html__(self) -> str:
        return self


class _Plotly:
    """plotly.js as source, and packed: gzip in base64."""

    def __init__(self) -> None:
        data = files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
        self.source = data.decode()
        self.packed = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


@cache
def _plotly() -> _Plotly:
    return _Plotly()


@cache
def _asset(name: str) -> str:
    return files("analysis.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _policy(scripts: list[str], *, live: bool) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    connect = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; {connect}"
        "base-uri 'none'; form-action 'none'"
    )


def _cleaner(redacted: Callable[[str], str]) -> Callable[[Any], Any]:
    """Return a filter that removes secrets and control characters from texts and leaves other values unchanged."""

    def show(value: Any) -> Any:  # noqa: ANN401  (whatever a template prints)
        plain = isinstance(value, str) and not hasattr(value, "__html__")
        return printable(redacted(value), keep="\n") if plain else value

    return show


def _code_parts(text: str) -> list[tuple[bool, str]]:
    """Return the parts of a text, each with whether it stands between backquotes."""
    return [(number % 2 == 1, part) for number, part in enumerate(text.split("`"))]


def _numeric(column: Column) -> bool:
    return column.digits is not None


def _big_data(table: BigTable, show: Callable[[Any], Any]) -> _Verbatim:
    """Return a table for the script, by columns, which is compact."""
    columns = [{"name": x.name, "digits": x.digits, "meaning": x.meaning} for x in table.columns]
    return _json({"heads": columns, "columns": [[show(value) for value in column] for column in table.values]})


def _chart_data(figure: Figure) -> _Verbatim:
    return _json(plotly_chart(figure.chart))


def _json(value: object) -> _Verbatim:
    """Return JSON that can neither end a script element nor open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), default=str)
    return _Verbatim(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _figure_table(figure: Figure) -> dict[str, Any]:
    names = list(figure.table.columns)
    types = [str(kind) for kind in figure.table.dtypes]
    digits = [4 if "float" in kind else 0 if "int" in kind.lower() else None for kind in types]
    rows = table_rows(figure)
    meanings = {column.name: column.meaning for column in figure.columns}
    return {
        "columns": [
            Column(name=name, digits=d, meaning=meanings.get(name, "")) for name, d in zip(names, digits, strict=True)
        ],
        "rows": rows[:FIGURE_ROWS],
        "left": max(0, len(rows) - FIGURE_ROWS),
    }
