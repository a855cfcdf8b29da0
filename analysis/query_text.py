"""Answers of a query as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

_WIDEST = 60


def format_answer(
    names: list[str], rows: Sequence[Sequence[Any]], form: Literal["table", "json", "csv"]
) -> str:
    """Return an answer in one of the three forms."""
    if form == "json":
        return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str)
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
        return buffer.getvalue().rstrip("\n")
    shown = [[_cell(value) for value in row] for row in rows]
    return f"{table_text(names, shown)}\n({len(rows)} row{'' if len(rows) == 1 else 's'})"


def table_text(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a plain table; columns of numbers are aligned to the right."""
    cells = [[str(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[i]) for row in cells)) if cells else len(name)
        for i, name in enumerate(names)
    ]
    right = [bool(cells) and all(_numeric(row[i]) for row in cells) for i in range(len(names))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *(line(row) for row in cells)])


def _cell(value: Any) -> str:  # noqa: ANN401  (whatever duckdb returns)
    if value is None:
        return "-"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _numeric(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).replace("-", "", 1).replace(" M", "").isdigit()
