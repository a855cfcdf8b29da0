"""A report as PDF pages.

`seatbelt figures --format pdf` has the figures as vectors; here they are images in the flow of the text.
"""

from __future__ import annotations

import datetime
import io
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from analysis.figures.backends.matplotlib import image
from analysis.figures.chart import Figure, shortened
from analysis.report.blocks import (
    CREATED,
    BigTable,
    Block,
    Command,
    Meter,
    Photographs,
    Picture,
    Report,
    Table,
    Text,
    cell_text,
)
from seatbelt.text.redaction import printable, redactor

if TYPE_CHECKING:
    from fpdf import FPDF

_MARGIN = 18
"""Millimetres."""
_ROWS = 25
_WIDEST = 26
"""Characters of a cell."""
_LINE_HEIGHT = 0.47
"""Millimetres of a line for each point of the font size."""
_TABLE_SIZE = 7
_GAP = 4.0
"""Millimetres between the columns of a table."""


def pdf_report(report: Report) -> bytes:
    """Return a report as PDF."""
    writer = _Writer(report)
    writer.text(report.title, size=18, bold=True)
    writer.text(f"Made {report.created}.")
    for part in report.parts:
        if len(report.parts) > 1:
            writer.heading(part.title, size=15)
        for section in part.sections:
            writer.heading(section.title, size=12.5)
            for block in section.blocks:
                writer.block(block)
    return bytes(writer.pdf.output())


class _Writer:
    """Writes blocks below one another onto A4 pages."""

    def __init__(self, report: Report) -> None:
        self._redact = redactor()
        self.pdf = _pages()
        self.pdf.set_title(self._clean(report.title))
        # Equal reports give equal files.
        self.pdf.set_creation_date(datetime.datetime.strptime(report.created, CREATED))

    def text(self, text: str, *, size: float = 9.5, bold: bool = False, mono: bool = False) -> None:
        """Write a paragraph."""
        self.pdf.set_font("mono" if mono else "sans", "B" if bold else "", size)
        self.pdf.multi_cell(0, size * _LINE_HEIGHT, self._clean(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def heading(self, text: str, *, size: float) -> None:
        """Write a heading that is not alone at the end of a page."""
        if self.pdf.will_page_break(40):
            self.pdf.add_page()
        self.pdf.ln(4)
        self.text(text, size=size, bold=True)
        self.pdf.ln(1)

    def block(self, block: Block) -> None:
        """Write a block."""
        if isinstance(block, Text):
            prefix = "Warning: " if block.kind == "warning" else ""
            self.text(prefix + block.text.replace("`", ""), bold=block.kind == "lead")
        elif isinstance(block, Meter):
            self.text(block.text, bold=True)
        elif isinstance(block, Command):
            self.text(f"{block.what}:")
            self.text(block.command, mono=True)
        elif isinstance(block, Picture):
            self._figure(block.figure)
        elif isinstance(block, Photographs):
            for photograph in block.photographs:
                caption = self._clean(photograph.caption)
                self.pdf.image(io.BytesIO(photograph.jpeg), w=self.pdf.epw / 2, alt_text=caption)
                self.text(caption, size=8)
        else:
            self._table(block)
        self.pdf.ln(2)

    def _figure(self, figure: Figure) -> None:
        self.pdf.image(io.BytesIO(image(figure, "png")), w=self.pdf.epw, alt_text=self._clean(figure.alt))
        self.text(figure.caption, size=8)

    def _table(self, block: Table | BigTable) -> None:
        rows = block.rows(_ROWS) if isinstance(block, BigTable) else list(block.rows)
        size = block.size if isinstance(block, BigTable) else len(rows)
        more = f" (the first {len(rows)} of {size} rows)" if size > len(rows) else ""
        self.text(f"{block.caption}{more}")
        # Long texts are wrapped in a table of two columns, and cut in wider ones.
        most = _WIDEST if len(block.columns) > 2 else 10_000
        names = [shortened(self._clean(column.name), most) for column in block.columns]
        digits = [column.digits for column in block.columns]
        cells = [
            [shortened(self._clean(cell_text(value, d)), most) for value, d in zip(row, digits, strict=True)]
            for row in rows
        ]
        self.pdf.set_font("sans", "B", _TABLE_SIZE)
        widths = [max(map(self.pdf.get_string_width, column)) + _GAP for column in zip(names, *cells, strict=True)]
        widths[-1] = min(widths[-1], max(self.pdf.epw - widths[0], self.pdf.epw / 3))
        self.pdf.set_font("sans", "", _TABLE_SIZE)
        for group in _groups(widths, self.pdf.epw):
            self._columns([[row[i] for i in group] for row in [names, *cells]], group, widths, digits)

    def _columns(
        self, rows: Sequence[Sequence[str]], group: list[int], widths: list[float], digits: Sequence[int | None]
    ) -> None:
        align: list[Literal["LEFT", "RIGHT"]] = ["LEFT" if digits[i] is None else "RIGHT" for i in group]
        column_widths = tuple(widths[i] for i in group)
        with self.pdf.table(
            rows,
            col_widths=column_widths,
            width=min(sum(column_widths), self.pdf.epw),
            text_align=align,
            align="LEFT",
            borders_layout="SINGLE_TOP_LINE",
            line_height=_TABLE_SIZE * _LINE_HEIGHT,
        ):
            pass
        self.pdf.ln(2)

    def _clean(self, text: str) -> str:
        return printable(self._redact(text))


def _pages() -> FPDF:
    from fpdf import FPDF
    from matplotlib import get_data_path

    # A missing glyph is drawn as a box.
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    pdf = FPDF(format="A4")
    pdf.set_margin(_MARGIN)
    fonts = f"{get_data_path()}/fonts/ttf"
    # The fonts of matplotlib cover Greek and mathematical signs, which those of PDF lack.
    pdf.add_font("sans", "", f"{fonts}/DejaVuSans.ttf")
    pdf.add_font("sans", "B", f"{fonts}/DejaVuSans-Bold.ttf")
    pdf.add_font("mono", "", f"{fonts}/DejaVuSansMono.ttf")
    pdf.add_page()
    return pdf


def _groups(widths: list[float], available: float) -> list[list[int]]:
    """Return the columns that fit beside one another; each group begins with the first one, which names the row."""
    groups: list[list[int]] = [[]]
    for i, width in enumerate(widths):
        if groups[-1] and len(widths) > 2 and sum(widths[j] for j in groups[-1]) + width > available:
            groups.append([0])
        groups[-1].append(i)
    return groups
