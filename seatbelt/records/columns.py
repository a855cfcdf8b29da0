"""What a column of a table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from seatbelt.config.trial import TrialConfig

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and what it means (with its unit)."""

    name: str
    type: ColumnType
    meaning: str
    value: Callable[[TrialConfig], Any] | None = field(default=None, compare=False, repr=False)
    """The column's value for a configuration; None unless the configuration decides it."""
