"""The curves of a world that a peer has not used yet."""

from __future__ import annotations

from collections import Counter

import numpy as np

from runners.core.strategies.proposal import nearest_usable
from runners.simulation.world import World
from search_spaces.space import Cell


class CurvePool:
    """Hands out each cell as often as its world has curves of it."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._seed = world, seed
        self._taken: Counter[tuple[tuple[str, str], ...]] = Counter()

    def take(self, cell: Cell) -> Cell | None:
        """Take a curve of a cell, or of the nearest cell with one left, and return that cell; None if none is left."""
        random = np.random.default_rng([self._seed, self._taken.total(), 5])
        nearest = nearest_usable(self._world.space, cell, self._has, random)
        if nearest is not None:
            self._taken[cell_key(nearest)] += 1
        return nearest

    def _has(self, cell: Cell) -> bool:
        most = self._world.most_replicates
        return self._world.space.excluded(cell) is None and (most is None or self._taken[cell_key(cell)] < most)


def cell_key(cell: Cell) -> tuple[tuple[str, str], ...]:
    """Return a hashable key of a cell."""
    return tuple(sorted(cell.items()))
