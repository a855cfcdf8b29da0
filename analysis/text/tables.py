"""Rows as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from analysis.reading.plain_values import unique_names
from seatbelt.text.redaction import printable

_WIDEST = 60

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell (OWASP, "CSV injection")."""


def format_answer(names: list[str], rows: Sequence[Sequence[Any]], form: Literal["table", "json", "csv"]) -> str:
    """Return rows in one of three formats."""
    if form == "json":
        unique = unique_names(names)
        records = [dict(zip(unique, row, strict=True)) for row in rows]
        return json_text(records)
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([_csv_cell(name) for name in names])
        writer.writerows([_csv_cell(value) for value in row] for row in rows)
        return buffer.getvalue().rstrip("\n")
    cells = [[_cell(value) for value in row] for row in rows]
    return f"{table_text(names, cells)}\n({len(rows)} row{'' if len(rows) == 1 else 's'})"


def json_text(value: Any) -> str:  # noqa: ANN401  (of lists, dicts and plain values)
    """Return JSON in ASCII without control characters; NaN and infinity are null, times are strings."""
    return json.dumps(_json_value(value), indent=1, default=str, allow_nan=False).replace("\x7f", "\\u007f")


def table_text(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a plain table; columns of numbers are right-aligned."""
    names = [printable(name) for name in names]
    cells = [[printable(str(value)) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) if cells else len(name) for i, name in enumerate(names)]
    right = [bool(cells) and all(_numeric(row[i]) for row in cells) for i in range(len(names))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *(line(row) for row in cells)])


def _json_value(value: Any) -> Any:  # noqa: ANN401  (whatever duckdb returns)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value


def _csv_cell(value: Any) -> Any:  # noqa: ANN401
    """Return a value for a spreadsheet: numbers unchanged, texts escaped so that none is a formula."""
    if value is None or isinstance(value, bool | int | float):
        return value
    # Some readers take a carriage return in a cell for a new line.
    text = printable(str(value), keep="\n\t")
    return f"'{text}" if str(value).startswith(_FORMULA) else text


def _cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "-"
    text = _number(value) if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _number(value: float) -> str:
    # Learning rates and weight decays need more than four decimals.
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.01 else f"{value:.4g}"


def _numeric(text: str) -> bool:
    return text == "-" or re.fullmatch(r"-?(\d+(\.\d+)?(e[+-]?\d+)?( M)?|inf|nan)", text) is not None
