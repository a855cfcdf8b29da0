"""A world: a space with all its learning curves, so that a recommendation can be judged."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import Cell, Space
from seatbelt.config.trial import TrialConfig

Floats = NDArray[np.float64]


class World(Protocol):
    """A space with all its learning curves.

    Attributes:
        name: Its name in tables.
        space: The search space.
        base: The configuration around it; its epochs are those of a complete training.
        most_replicates: Number of curves of an arm; None for any number.
        best: The highest quality of any cell.
        best_test: The highest test quality of any cell; NaN if there is none.
    """

    name: str
    space: Space
    base: TrialConfig
    most_replicates: int | None
    best: float
    best_test: float

    def curve(self, cell: Cell, replicate: int) -> Floats:
        """Return the selection IoU after each epoch.

        Raises:
            UserError: There is no such curve.
        """

    def cost(self, cell: Cell) -> float:
        """Return the cost of an epoch, relative to the average arm."""

    def quality(self, cell: Cell) -> float:
        """Return the expected final IoU of the arm."""

    def test_quality(self, cell: Cell) -> float:
        """Return the same on the test set; NaN if there is none."""
