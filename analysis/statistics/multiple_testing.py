"""Adjusting p-values over a family of questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Family = Literal["holm", "bh"]
"""Holm (1979) bounds the chance of any false finding; Benjamini and Hochberg (1995) the share of false ones."""


def adjusted(p_values: Sequence[float | None], family: Family) -> list[float | None]:
    """Return adjusted p-values in the same order; None stays None and is no member of the family.

    Args:
        p_values: Two-sided p-values.
        family: The adjustment.
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    found: list[float | None] = [None] * len(p_values)
    if family == "holm":
        highest = 0.0
        for rank, (p, i) in enumerate(order):
            highest = max(highest, min(1.0, p * (len(order) - rank)))
            found[i] = highest
        return found
    lowest = 1.0
    for rank, (p, i) in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, p * len(order) / rank)
        found[i] = lowest
    return found
