"""Cleans the texts of a chart, in one place for all drawing libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from analysis.figures.chart import Chart
from seatbelt.text.redaction import printable, redactor

_NO_TEXTS = ("along", "marker")
"""Fields of layers whose strings are choices."""


def clean_text(text: str) -> str:
    """Return a text of anybody without secrets and control characters."""
    return printable(redactor()(text), keep="\n")


def with_texts(chart: Chart, escape: Callable[[str], str] = str) -> Chart:
    """Return a chart whose texts are clean, and escaped for a drawing library.

    Args:
        chart: The chart.
        escape: Escapes a clean text.
    """
    show = redactor()

    def mapped(value: Any) -> Any:  # noqa: ANN401  (any field of a chart)
        if isinstance(value, str):
            return escape(printable(show(value), keep="\n"))
        if isinstance(value, tuple):
            return tuple(map(mapped, value))
        if is_dataclass(value) and not isinstance(value, type):
            names = (item.name for item in fields(value) if item.name not in _NO_TEXTS)
            return replace(value, **{name: mapped(getattr(value, name)) for name in names})
        return value

    cleaned: Chart = mapped(chart)
    return cleaned
