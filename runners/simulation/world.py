"""A world: a space whose every curve is known, so that a recommendation can be judged."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import Cell, Space
from seatbelt.config.trial import TrialConfig

Floats = NDArray[np.float64]


class World(Protocol):
    """A space whose every curve is known.

    Attributes:
        name: Its name in tables.
        space: What varies.
        base: The configuration around it; its epochs are those of a whole training.
        most_replicates: How many curves an arm has, None for any number.
        best: The highest quality of any cell.
        best_test: The highest test quality of any cell; NaN where there is none.
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
        """Return the cost of an epoch; that of the average arm is 1."""

    def quality(self, cell: Cell) -> float:
        """Return what a whole training of the arm is expected to reach, IoU."""

    def test_quality(self, cell: Cell) -> float:
        """Return the same on the test set; NaN where there is none."""
