"""A report as PDF pages, typeset by matplotlib: no browser is needed.

`seatbelt figures --format pdf` has the figures as vectors; here they are pictures in the flow of the text.
"""

from __future__ import annotations

import io
import itertools
import struct
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.figures.backends.matplotlib import image, quiet
from analysis.figures.chart import Figure, shortened
from analysis.report.blocks import BigTable, Block, Command, Picture, Report, Table, Text, cell_text
from analysis.text.tables import table_text
from seatbelt.text.redaction import printable, redact

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages

_WIDTH, _HEIGHT, _MARGIN = 8.27, 11.69, 0.8
"""A4 in inches."""
_INSIDE = _WIDTH - 2 * _MARGIN
_ROWS = 25
_WIDEST = 26
"""Characters of a cell."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    text: str
    size: float = 9.5
    bold: bool = False
    mono: bool = False

    @property
    def height(self) -> float:
        """Inches."""
        return self.size * 1.35 / 72


@dataclass(frozen=True, kw_only=True)
class _Image:
    png: bytes
    height: float
    """Inches, at the full width of a page."""


def pdf_report(report: Report) -> bytes:
    """Return a report as PDF."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    file = io.BytesIO()
    style: Any = {"pdf.fonttype": 42, "text.parse_math": False}
    metadata: Any = {"Title": _shown(report.title), "CreationDate": None}
    with rc_context(style), quiet(), PdfPages(file, metadata=metadata) as pages:
        waiting = [_Line(text=report.title, size=18, bold=True), _Line(text=f"Made {report.created}."), *_items(report)]
        while waiting:
            count = _fitting(waiting)
            _print_page(pages, waiting[:count])
            waiting = list(itertools.dropwhile(lambda item: item == _EMPTY, waiting[count:]))
    return file.getvalue()


_EMPTY = _Line(text="")


def _items(report: Report) -> Iterator[_Line | _Image]:
    for part in report.parts:
        if len(report.parts) > 1:
            yield _Line(text=part.title, size=15, bold=True)
        for section in part.sections:
            yield _EMPTY
            yield _Line(text=section.title, size=12.5, bold=True)
            for block in section.blocks:
                yield from _picture(block.figure) if isinstance(block, Picture) else _block(block)
                yield _EMPTY


def _picture(figure: Figure) -> Iterator[_Line | _Image]:
    png = image(figure, "png")
    # Width and height are in the head of the file (PNG specification, 11.2.2).
    width, height = struct.unpack(">II", png[16:24])
    yield _Image(png=png, height=_INSIDE * height / width)
    for line in textwrap.wrap(_shown(figure.caption), 118):
        yield _Line(text=line, size=8)


def _block(block: Block) -> Iterator[_Line]:
    if isinstance(block, Text):
        mark = "Warning: " if block.kind == "warning" else ""
        yield from _wrapped(mark + block.text.replace("`", ""), 100, bold=block.kind == "lead")
    elif isinstance(block, Command):
        yield from _wrapped(f"{block.what}:", 100)
        yield from _wrapped(block.command, 84, mono=True)
    elif isinstance(block, Table | BigTable):
        rows = block.rows(_ROWS) if isinstance(block, BigTable) else list(block.rows)
        size = block.size if isinstance(block, BigTable) else len(rows)
        more = f" (the first {len(rows)} of {size} rows)" if size > len(rows) else ""
        yield from _wrapped(f"{block.caption}{more}", 100)
        yield from _table(block, rows)


def _wrapped(text: str, width: int, *, bold: bool = False, mono: bool = False) -> Iterator[_Line]:
    for line in textwrap.wrap(_shown(text), width) or [""]:
        yield _Line(text=line, bold=bold, mono=mono)


def _table(block: Table | BigTable, rows: list[Any]) -> Iterator[_Line]:
    """Yield a table, its columns in as many groups as fit beside one another."""
    names = [shortened(head.name, _WIDEST) for head in block.columns]
    digits = [head.digits for head in block.columns]
    widest = 78 if len(names) == 2 else _WIDEST
    cells = [[shortened(cell_text(v, d), widest) for v, d in zip(row, digits, strict=True)] for row in rows]
    for group in _groups(names, cells, 118):
        text = table_text([names[i] for i in group], [[row[i] for i in group] for row in cells])
        for line in text.splitlines():
            yield _Line(text=line, size=6.6, mono=True)
        yield _EMPTY


def _groups(names: list[str], cells: list[list[str]], width: int) -> list[list[int]]:
    widths = [max([len(name), *(len(row[i]) for row in cells)]) + 2 for i, name in enumerate(names)]
    if len(names) < 3:
        return [list(range(len(names)))]
    groups: list[list[int]] = [[]]
    for i, own in enumerate(widths):
        if groups[-1] and sum(widths[j] for j in groups[-1]) + own > width:
            # The first column says which row it is.
            groups.append([0])
        groups[-1].append(i)
    return groups


def _fitting(items: Sequence[_Line | _Image]) -> int:
    """Return how many lines and images fit on a page, at least one."""
    space, count = _HEIGHT - 2 * _MARGIN, 0
    while count < len(items) and items[count].height <= space:
        space -= items[count].height
        count += 1
    # A heading does not end a page.
    while 1 < count < len(items) and _heads(items[count - 1]):
        count -= 1
    return max(1, count)


def _heads(item: _Line | _Image) -> bool:
    return isinstance(item, _Line) and (item.bold or not item.text)


def _print_page(pages: PdfPages, items: Sequence[_Line | _Image]) -> None:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.image import imread

    page = Canvas(figsize=(_WIDTH, _HEIGHT))
    y = _HEIGHT - _MARGIN
    for item in items:
        y -= item.height
        if isinstance(item, _Image):
            axes = page.add_axes((_MARGIN / _WIDTH, y / _HEIGHT, _INSIDE / _WIDTH, item.height / _HEIGHT))
            axes.imshow(imread(io.BytesIO(item.png)), aspect="auto")
            axes.axis("off")
            continue
        page.text(
            _MARGIN / _WIDTH,
            y / _HEIGHT,
            _shown(item.text),
            fontsize=item.size,
            fontweight="bold" if item.bold else "normal",
            family="monospace" if item.mono else "sans-serif",
        )
    pages.savefig(page, dpi=150)  # type: ignore[no-untyped-call]


def _shown(text: str) -> str:
    return printable(redact(text))
