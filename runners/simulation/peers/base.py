"""What a tool is asked for that proposes, stops and recommends in a simulated sweep."""

from __future__ import annotations

from typing import Protocol

from search_spaces.space import Cell


class Peer(Protocol):
    """A tool that proposes trials, stops them and recommends a cell.

    Attributes:
        ahead: How many trials it is asked for before a worker is free for them.
    """

    ahead: int

    def suggest(self) -> tuple[int, Cell] | None:
        """Return a number and a cell to train, None if nothing is left."""

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Take the score (IoU) after an epoch, and return whether the trial goes on; after the last one, none does."""

    def ended(self, number: int, failed: bool) -> None:
        """Take note that a trial ended: because `report` returned False, or because it failed."""

    def recommend(self) -> Cell | None:
        """Return the cell that a user of the tool would take now, None if nothing is measured."""
