"""The blocks of a report, which the HTML, Markdown and PDF writers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from analysis.figures.chart import Figure

CREATED = "%Y-%m-%d %H:%M UTC"
"""Format of `Report.created`."""

Value = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["plain", "lead", "warning", "good", "note"] = "plain"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to copy."""

    what: str
    """What the command does."""
    command: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table in a report."""

    name: str
    digits: int | None = None
    """Decimals of numbers; None for texts."""
    meaning: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, kw_only=True)
class BigTable:
    """A table with many rows that can be sorted and filtered."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    values: tuple[list[Any], ...]
    """The values of each column."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.values[0])

    def rows(self, most: int) -> list[tuple[Value, ...]]:
        """Return the first rows."""
        return list(zip(*(column[:most] for column in self.values), strict=True))


@dataclass(frozen=True, kw_only=True)
class Meter:
    """How much of something is done, as a bar with a text."""

    share: float | None
    """From 0 to 1; None for no bar."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure."""

    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A picture that is no figure."""

    jpeg: bytes
    """Content of the file."""
    caption: str


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """Pictures beside one another."""

    photographs: tuple[Photograph, ...]


Block = Text | Command | Table | BigTable | Meter | Picture | Photographs


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section with a heading."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class ReportPart:
    """The sections on one sweep, or on all together."""

    name: str
    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report."""

    title: str
    created: str
    """Creation time, UTC."""
    parts: tuple[ReportPart, ...]


def cell_text(value: Value, digits: int | None) -> str:
    """Return the text of a table cell."""
    if value is None or value != value:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and digits is not None:
        return f"{value:,.{digits}f}"
    return str(value)


def capital(text: str) -> str:
    """Return a text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"
