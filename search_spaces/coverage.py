"""A few cells in place of a whole space: for checks, estimates and limits that need not see every cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from search_spaces.factors import Factor
from search_spaces.space import Cell, Space


def representative_cells(space: Space, fields: tuple[str, ...], *, range_ends: bool = False) -> Iterator[Cell]:
    """Yield every combination of the levels that set some fields, all other factors at their first level.

    Cells may be excluded ones.

    Args:
        space: The space to cover.
        fields: Prefixes of dotted fields, such as `data.`.
        range_ends: Combine the two ends of each range too; otherwise ranges stay at their lower end.
    """
    first = {factor.name: factor.label_at(0.0) for factor in space.factors}
    return ({**first, **cell} for cell in _deciding_space(space, fields, range_ends=range_ends).cells())


def combination_count(space: Space, fields: tuple[str, ...]) -> int:
    """Return the number of cells that `representative_cells` yields without the ends of ranges."""
    return _deciding_space(space, fields, range_ends=False).size


def cells_for_each_level(space: Space) -> list[Cell]:
    """Return one cell for each level and each end of a range, all other factors at their first level."""
    first = {factor.name: factor.label_at(0.0) for factor in space.factors}
    return [{**first, factor.name: label} for factor in space.factors for label in factor.end_labels]


def random_cells(space: Space, count: int, *, seed: int = 0) -> list[Cell]:
    """Draw cells uniformly; excluded ones are left out, so that fewer than `count` may remain."""
    random = np.random.default_rng(seed)
    cells = [{f.name: f.label_at(float(random.random())) for f in space.factors} for _ in range(count)]
    return [cell for cell in cells if space.excluded(cell) is None]


def _deciding_space(space: Space, fields: tuple[str, ...], *, range_ends: bool) -> Space:
    """Return the product of the factors that set one of some fields."""
    factors = [factor for factor in space.factors if any(path.startswith(fields) for path in factor.fields)]
    if range_ends:
        return Space(factors=tuple(map(_ends_as_levels, factors)))
    return Space(factors=tuple(factor for factor in factors if factor.range is None))


def _ends_as_levels(factor: Factor) -> Factor:
    if factor.range is None:
        return factor
    return dataclasses.replace(factor, range=None, levels=tuple(factor.level(label) for label in factor.end_labels))
