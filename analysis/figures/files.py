"""A figure as a file: an image, or its numbers."""

from __future__ import annotations

from typing import Any, Literal

from analysis.figures.backends.matplotlib import image
from analysis.figures.chart import Figure
from analysis.reading.plain_values import plain_rows
from analysis.text.tables import format_answer

FileFormat = Literal["png", "pdf", "svg", "csv"]


def figure_file(figure: Figure, form: FileFormat) -> bytes:
    """Return the bytes of a file."""
    if form != "csv":
        return image(figure, form)
    return format_answer(list(figure.table.columns), table_rows(figure), "csv").encode() + b"\n"


def table_rows(figure: Figure) -> list[list[Any]]:
    """Return the rows of a figure's table as plain values; missing values are None."""
    return [list(row.values()) for row in plain_rows(figure.table)]
