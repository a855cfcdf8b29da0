"""The interface of a tool that proposes, stops and recommends in a simulated sweep."""

from __future__ import annotations

from typing import Protocol

from search_spaces.space import Cell


class Peer(Protocol):
    """A tool that proposes trials, stops them and recommends a cell.

    Attributes:
        ahead: Number of trials to request before a worker is free for them.
    """

    ahead: int

    def suggest(self) -> tuple[int, Cell] | None:
        """Return a number and a cell to train; None if nothing is left."""

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Record the score (IoU) after an epoch; return whether the trial continues, False after its last epoch."""

    def ended(self, number: int, failed: bool) -> None:
        """Record that a trial ended, because `report` returned False or because it failed."""

    def recommend(self) -> Cell | None:
        """Return the cell that the tool would recommend now; None if nothing is measured."""
