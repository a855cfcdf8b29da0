"""Words for numbers, in whatever people read."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def counted(n: int, noun: str) -> str:
    """Return `1 trial` or `2 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def activation_hint() -> str | None:
    """Return how commands that begin with `seatbelt` can be typed where no such program is on the path, else None."""
    folder = Path(sys.executable).parent
    if shutil.which("seatbelt") is not None or not (folder / "activate").exists():
        return None
    place = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else os.fspath(folder)
    return f"(to type it as it stands: source {shlex.quote(os.path.join(place, 'activate'))})"
