"""The columns of all tables as Markdown, written into a document between its markers.

Run `python -m analysis.text.column_reference docs/results.md` after a change of a column; a test compares the two.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from analysis.answers.arms import ARMS
from analysis.reading.trial_cells import CELLS, STAGES
from seatbelt.records.columns import Column
from seatbelt.records.tables import TABLES

_FACTORS = Column("(factors)", "string", "one column for each factor: its level; a number where the factor is a range")

REFERENCE: dict[str, list[Column]] = {
    **TABLES,
    "stages": STAGES,
    "cells": [*CELLS, _FACTORS],
    "arms": [Column("arm_key", "string", "identity of the arm"), _FACTORS, *ARMS],
}
"""Table -> its columns."""

_MARKED = re.compile(r"(<!-- columns of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_columns(document: str) -> str:
    """Return a Markdown document with the current columns between its markers.

    A table of columns stands between `<!-- columns of NAME -->` and `<!-- end -->`.

    Raises:
        KeyError: A marker names no table.
    """
    return _MARKED.sub(lambda match: f"{match[1]}{columns_text(REFERENCE[match[2]])}{match[3]}", document)


def columns_text(columns: list[Column]) -> str:
    """Return columns as a Markdown table."""
    rows = "".join(f"| `{c.name}` | {c.type} | {c.meaning.replace('|', chr(92) + '|')} |\n" for c in columns)
    return f"| column | type | meaning |\n|---|---|---|\n{rows}"


def main() -> None:
    """Write the columns into the documents named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_columns(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
