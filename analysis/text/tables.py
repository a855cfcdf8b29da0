"""Rows as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich.cells import cell_len

from analysis.reading.plain_values import unique_names
from seatbelt.text.redaction import printable
from seatbelt.text.wording import counted, cut

_WIDEST = 60
_LEAST = 16
"""Columns to which a text is shortened at most."""
_GAP = "  "

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell (OWASP, "CSV injection")."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Columns side by side that a narrow terminal shows as one."""

    name: str
    """Name of the one column."""
    first: int
    """Position of the first column."""
    count: int
    """Number of columns."""
    cells: Sequence[str]
    """The one column's texts."""


def format_answer(
    names: list[str], rows: Sequence[Sequence[Any]], form: Literal["table", "json", "csv"], width: int | None = None
) -> str:
    """Return rows in one of three formats; a table fits a terminal of `width` columns."""
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
    return f"{fitted_table(names, cells, width)}\n({counted(len(rows), 'row')})"


def json_text(value: Any) -> str:  # noqa: ANN401  (of lists, dicts and plain values)
    """Return JSON in ASCII without control characters; NaN and infinity are null, times are strings."""
    return json.dumps(_json_value(value), indent=1, default=str, allow_nan=False).replace("\x7f", "\\u007f")


def table_text(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a plain table; columns of numbers are right-aligned."""
    return _columns(names, rows).text


def fitted_table(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int | None,
    *,
    drop: Sequence[str] = (),
    fold: Fold | None = None,
) -> str:
    """Return a plain table that fits a terminal; a last line says which columns it left out, folded or shortened.

    It leaves out the columns of `drop` one by one, each time with and without the fold. If that is not enough, it
    leaves out columns from the right and shortens long texts.

    Args:
        names: Names of the columns.
        rows: Their values.
        width: Columns of the terminal; None for the whole table.
        drop: The names of the least important columns, in the order in which they are left out.
        fold: Columns to show as one.
    """
    whole = _columns(names, rows)
    if width is None or whole.width <= width:
        return whole.text
    fitted = whole
    for count in range(len(drop) + 1):
        for joined in (whole, whole.folded(fold)) if fold is not None else (whole,):
            fitted = joined.without(drop[:count])
            if fitted.width <= width:
                return f"{fitted.text}\n{fitted.note(width)}"
    while fitted.least_width > width and len(fitted.names) > 1:
        fitted = fitted.without(fitted.names[-1:])
    fitted = fitted.shortened(width)
    return f"{fitted.text}\n{fitted.note(width)}"


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """The columns of a table as texts, and what was done to make them narrower."""

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def widths(self) -> list[int]:
        """The width of each column."""
        return [max(map(cell_len, (name, *cells))) for name, cells in zip(self.names, self.columns, strict=True)]

    @property
    def numeric(self) -> list[bool]:
        return [bool(cells) and all(map(_numeric, cells)) for cells in self.columns]

    @property
    def width(self) -> int:
        return sum(self.widths) + len(_GAP) * (len(self.names) - 1)

    @property
    def least_width(self) -> int:
        """The width with all texts shortened."""
        widths = [w if number else min(w, _LEAST) for w, number in zip(self.widths, self.numeric, strict=True)]
        return sum(widths) + len(_GAP) * (len(widths) - 1)

    @property
    def text(self) -> str:
        """The table; columns of numbers are right-aligned."""
        padded = []
        for name, cells, width, right in zip(self.names, self.columns, self.widths, self.numeric, strict=True):
            spaces = [" " * (width - cell_len(cell)) for cell in (name, *cells)]
            pairs = zip(spaces, (name, *cells), strict=True)
            padded.append([space + cell if right else cell + space for space, cell in pairs])
        return "\n".join(_GAP.join(line).rstrip() for line in zip(*padded, strict=True))

    def without(self, names: Sequence[str]) -> _Columns:
        """Return the table without some columns."""
        rest = [(name, cells) for name, cells in zip(self.names, self.columns, strict=True) if name not in names]
        left_out = tuple(name for name in self.names if name in names)
        return replace(
            self,
            names=tuple(name for name, _ in rest),
            columns=tuple(cells for _, cells in rest),
            left_out=(*left_out, *self.left_out),
        )

    def folded(self, fold: Fold) -> _Columns:
        """Return the table with some columns as one."""
        end = fold.first + fold.count
        cells = tuple(printable(cell) for cell in fold.cells)
        return replace(
            self,
            names=(*self.names[: fold.first], fold.name, *self.names[end:]),
            columns=(*self.columns[: fold.first], cells, *self.columns[end:]),
            changes=(f"{fold.name}: {counted(fold.count, 'column')} as one",),
        )

    def shortened(self, width: int) -> _Columns:
        """Return the table with its longest texts cut until it fits."""
        limits = list(self.widths)
        texts = [place for place, number in enumerate(self.numeric) if not number]
        while sum(limits) + len(_GAP) * (len(limits) - 1) > width:
            longest = max(texts, key=lambda place: limits[place], default=None)
            if longest is None or limits[longest] <= _LEAST:
                break
            limits[longest] -= 1
        cells = [tuple(cut(x, most) for x in column) for column, most in zip(self.columns, limits, strict=True)]
        names = tuple(cut(name, most) for name, most in zip(self.names, limits, strict=True))
        shortened = [name for name, old, new in zip(self.names, self.widths, limits, strict=True) if new < old]
        changes = (*self.changes, f"shortened: {', '.join(shortened)}") if shortened else self.changes
        return replace(self, names=names, columns=tuple(cells), changes=changes)

    def note(self, width: int) -> str:
        """Return what was left out and changed, as one line that fits too."""
        names = list(self.left_out)
        for count in range(len(names), -1, -1):
            more = f"{', '.join(names[:count])}{' and ' if 0 < count < len(names) else ''}"
            if count < len(names):
                more += f"{len(names) - count} more" if count else counted(len(names), "column")
            parts = [f"left out: {more}" if names else "", *self.changes]
            note = f"(--wide shows all; {'; '.join(part for part in parts if part)})"
            if cell_len(note) <= width:
                return note
        return cut(note, width)


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> _Columns:
    columns = tuple(tuple(printable(str(row[place])) for row in rows) for place in range(len(names)))
    return _Columns(names=tuple(printable(name) for name in names), columns=columns)


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
