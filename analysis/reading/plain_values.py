"""Rows of data frames as plain values of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row as column -> value; missing values (NaN, NaT, NA) are None."""
    names = [str(name) for name in frame.columns]
    columns = [plain_values(frame[name]) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column; missing values are None."""
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(column.astype(object).tolist(), missing, strict=True)]


def unique_names(names: list[str]) -> list[str]:
    """Return the names with numbers appended to duplicates, which a JSON object would drop."""
    unique: list[str] = []
    for name in names:
        new, number = name, 1
        while new in unique:
            new, number = f"{name}_{number}", number + 1
        unique.append(new)
    return unique
