"""Answers as JSON, and the answer of a query on the terminal, through a pipe, or in a file."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from runners.terminal import terminal_width
from seatbelt.errors import UserError

if TYPE_CHECKING:
    from analysis.reading.tables import Source

Form = Literal["table", "json", "csv", "parquet"]


def table_width(wide: bool) -> int | None:
    """Return the width that a table must fit: that of the terminal; None for --wide and for files and pipes."""
    return None if wide else terminal_width()


def print_json(answer: Any) -> None:  # noqa: ANN401  (a dataclass, or lists and dicts of plain values)
    """Print an answer as JSON."""
    from analysis.text.tables import json_text

    typer.echo(json_text(asdict(answer) if is_dataclass(answer) and not isinstance(answer, type) else answer))


_BY_SUFFIX: dict[str, Form] = {".json": "json", ".csv": "csv", ".parquet": "parquet"}


def write_answer(
    arguments: list[str], *, form: Form | None, out: str | None, timeout: float, memory: float, wide: bool
) -> None:
    """Run a query and write its answer.

    Args:
        arguments: Sweeps, then the SQL.
        form: Form of the answer; None takes the form that the file's suffix names, else a table.
        out: File to write; None is standard output.
        timeout: Time limit of the query, seconds.
        memory: Memory limit of the query, GB.
        wide: Show all columns of a table on the terminal.

    Raises:
        UserError: The SQL is missing, the file cannot be written, or the query is refused.
    """
    if len(arguments) < 2:
        raise UserError(f"query takes sweeps and then one SQL query, but got only {arguments[0]!r}; see query --help")
    from analysis.answers.query import query, query_parquet
    from analysis.sweeps import open_sweeps
    from analysis.text.tables import format_answer

    *locations, sql = arguments
    form = form or _BY_SUFFIX.get(Path(out or "").suffix.lower(), "table")
    if form == "parquet" and out is None and sys.stdout.isatty():
        raise UserError("Parquet is not for a terminal; give a file: --out FILE")
    source = open_sweeps(locations)
    file = None if out is None else _file_to_write(out, source)
    if form == "parquet":
        data = query_parquet(source, sql, timeout=timeout, memory=memory)
    else:
        names, rows = query(source, sql, timeout=timeout, memory=memory)
        data = format_answer(names, rows, form, table_width(wide or file is not None)).encode() + b"\n"
    if file is not None:
        from seatbelt.storage.base import LocalStorage

        LocalStorage(file.parent).write(file.name, data)
    elif form == "parquet":
        sys.stdout.buffer.write(data)
    else:
        typer.echo(data.decode(), nl=False)


def _file_to_write(out: str, source: Source) -> Path:
    """Return the file: its folder must exist, and must not belong to one of the sweeps."""
    file = Path(os.path.realpath(out))
    if file.is_dir() or not out:
        raise UserError(f"--out {out} is a folder; give the name of a file")
    if not file.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {file.parent}; make it first")
    if file.exists() and not file.is_file():
        raise UserError(f"--out {out} is no regular file; give another name")
    for _, sweep in source.parts:
        if file.is_relative_to(os.path.realpath(sweep.root)):
            raise UserError(f"--out {out} lies in the sweep {sweep.root}; give a place outside of it")
    return file
