"""Numbers and hints as text."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from rich.cells import cell_len, set_cell_size


def counted(n: int, noun: str) -> str:
    """Return `1 trial` or `2 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def duration(seconds: float) -> str:
    """Return `12 s`, `5 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def cut(text: str, width: int | None) -> str:
    """Return a text cut to the width of a terminal, with an ellipsis; wide letters such as 中 count twice.

    Args:
        text: One line.
        width: Columns; None leaves the text as it is.
    """
    if width is None or cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 3).rstrip()}..." if width > 3 else set_cell_size(text, width)


def activation_hint() -> str | None:
    """Return the command that puts `seatbelt` on the path, None if it is there."""
    folder = Path(sys.executable).parent
    if shutil.which("seatbelt") is not None or not (folder / "activate").exists():
        return None
    place = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else os.fspath(folder)
    return f"(to type it as it stands: source {shlex.quote(os.path.join(place, 'activate'))})"
