"""Adjusting p-values over a family of questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Family = Literal["holm", "bh"]
"""Holm (1979) bounds the chance of any false finding; Benjamini and Hochberg (1995) the share of false ones."""


def adjusted(p_values: Sequence[float | None], family: Family) -> list[float | None]:
    """Return adjusted p-values in the same order; None stays None and is no member of the family.

    Args:
        p_values: Two-sided p-values.
        family: The adjustment.
    """
    members = np.array([p for p in p_values if p is not None], dtype=np.float64)
    order = np.argsort(members, kind="stable")
    rising, count = members[order], len(members)
    if family == "holm":
        values = np.maximum.accumulate(np.minimum(1.0, rising * np.arange(count, 0, -1)))
    else:
        values = np.minimum.accumulate(np.minimum(1.0, rising * count / np.arange(1, count + 1))[::-1])[::-1]
    members[order] = values
    remaining = iter(members.tolist())
    return [None if p is None else next(remaining) for p in p_values]
