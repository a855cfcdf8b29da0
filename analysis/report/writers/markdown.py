"""A report as Markdown, with its figures and pictures in files beside it."""

from __future__ import annotations

from analysis.figures.chart import Figure
from analysis.report.blocks import (
    BigTable,
    Block,
    Column,
    Command,
    Meter,
    Photographs,
    Picture,
    Report,
    Table,
    Text,
    Value,
    cell_text,
)
from seatbelt.text.redaction import printable, redact

_ROWS = 25


def markdown_report(report: Report, folder: str) -> tuple[str, dict[str, Figure | bytes]]:
    """Return a report as Markdown, and the figures that it links to.

    Args:
        report: The report.
        folder: Folder of the figures, relative to the document.

    Returns:
        The document, and file name (without folder) -> figure, or content of the file.
    """
    several = len(report.parts) > 1
    figures: dict[str, Figure | bytes] = {}
    lines = [f"# {_escaped(report.title)}", f"Report of seatbelt, made {report.created}."]
    for number, part in enumerate(report.parts, start=1):
        lines += [f"## {_escaped(part.title)}"] if several else []
        level = "###" if several else "##"
        for section in part.sections:
            lines.append(f"{level} {_escaped(section.title)}")
            for block in section.blocks:
                if isinstance(block, Picture):
                    name = f"{number}-{block.figure.name}.png" if several else f"{block.figure.name}.png"
                    figures[name] = block.figure
                    lines += _picture(block.figure, f"{folder}/{name}", f"{level}#")
                elif isinstance(block, Photographs):
                    for photograph in block.photographs:
                        name = f"prediction-{len(figures) + 1}.jpg"
                        figures[name] = photograph.jpeg
                        lines += [f"![{_escaped(photograph.caption)}](<{folder}/{name}>)", _escaped(photograph.caption)]
                else:
                    lines.append(_block(block))
    return "\n\n".join(lines) + "\n", figures


def _picture(figure: Figure, path: str, level: str) -> list[str]:
    return [f"{level} {_escaped(figure.title)}", f"![{_escaped(figure.alt)}](<{path}>)", _escaped(figure.caption)]


def _block(block: Block) -> str:
    if isinstance(block, Text):
        text = "`".join(part if number % 2 else _escaped(part) for number, part in enumerate(block.text.split("`")))
        return {"lead": f"**{text}**", "warning": f"> **Warning:** {text}"}.get(block.kind, text)
    if isinstance(block, Meter):
        return f"**{_escaped(block.text)}**"
    if isinstance(block, Command):
        return f"{_escaped(block.what)}:\n\n```console\n$ {_clean(block.command)}\n```"
    if isinstance(block, BigTable):
        rest = block.size - _ROWS
        more = f"\n\nThe first {_ROWS} of {block.size} rows; the HTML report has all." if rest > 0 else ""
        return _table(block.caption, block.columns, block.rows(_ROWS)) + more
    assert isinstance(block, Table)
    return _table(block.caption, block.columns, list(block.rows))


def _table(caption: str, columns: tuple[Column, ...], rows: list[tuple[Value, ...]]) -> str:
    lines = [
        "| " + " | ".join(_escaped(head.name) for head in columns) + " |",
        "|" + "|".join("---" if head.digits is None else "---:" for head in columns) + "|",
    ]
    for row in rows:
        cells = (_escaped(cell_text(value, head.digits)) for value, head in zip(row, columns, strict=True))
        lines.append("| " + " | ".join(cells) + " |")
    return f"{_escaped(caption)}:\n\n" + "\n".join(lines)


def _clean(text: str) -> str:
    return " ".join(printable(redact(text), keep="\n").split())


def _escaped(text: str) -> str:
    """Return a text with Markdown and HTML markup escaped."""
    escaped = _clean(text).replace("\\", "\\\\")
    for letter in "`*_[]|":
        escaped = escaped.replace(letter, f"\\{letter}")
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
