"""Rows of data frames as plain values of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row as column -> value; what is missing (NaN, NaT, NA) is None."""
    names = [str(name) for name in frame.columns]
    columns = [plain_values(frame[name]) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column; what is missing is None."""
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(column.astype(object).tolist(), missing, strict=True)]


def unique_names(names: list[str]) -> list[str]:
    """Return names without repetition: a JSON object would lose the first of two columns called alike."""
    unique: list[str] = []
    for name in names:
        new, number = name, 1
        while new in unique:
            new, number = f"{name}_{number}", number + 1
        unique.append(new)
    return unique
