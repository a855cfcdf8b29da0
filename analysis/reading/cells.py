"""Cells as the trials table has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NAMED_ARM = "arm"
"""What stands for the factors in the cell of an arm beside the space."""


def cell_of(text: object) -> dict[str, str]:
    """Return the cell of a trials row: factor -> level.

    Raises:
        ValueError: It is none, as a sweep of somebody else may have it.
    """
    found: Any = json.loads(str(text))
    if not isinstance(found, dict):
        raise ValueError("a cell is a JSON object")
    return {str(name): str(level) for name, level in found.items()}


def cell_text(cell: Mapping[str, str]) -> str:
    """Return `factor=level, ...`, or the name of a named arm."""
    return cell[NAMED_ARM] if set(cell) == {NAMED_ARM} else ", ".join(f"{name}={cell[name]}" for name in cell)
