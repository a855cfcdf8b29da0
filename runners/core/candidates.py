"""The candidate cells of a space: rows of level numbers, and the columns of the factorial model for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.factorial import Basis, ScoreSurface, basis_of
from search_spaces.factors import Factor
from search_spaces.space import Cell, Space
from seatbelt.records.sweep import SweepFactor

Floats = NDArray[np.float64]
Row = tuple[int, ...]
"""Number of the level of each factor."""

MOST_LISTED = 4096
"""Larger spaces are searched, not enumerated."""

STEPS = 25
"""Values of a range that can be proposed."""
_PASSES = 10


@dataclass(frozen=True, kw_only=True)
class CandidateSpace:
    """The cells that can be proposed.

    Attributes:
        names: Names of the F factors.
        bases: Their columns in the factorial model.
        labels: For each factor, the labels that can be proposed: its levels, or some values of its range.
        allowed: Returns whether a row is a cell of the space.
        listed: (m, F) all cells as rows; None for a space that is too large to list.
    """

    names: tuple[str, ...]
    bases: tuple[Basis, ...]
    labels: tuple[tuple[str, ...], ...]
    allowed: Callable[[Row], bool]
    listed: NDArray[np.intp] | None
    _blocks: tuple[Floats, ...]
    _numbers: tuple[dict[str, int], ...]
    """For each factor: label -> number of its level. Values of a range are added when they first occur."""

    @classmethod
    def of(
        cls, factors: Sequence[SweepFactor], labels: Sequence[Sequence[str]], excluded: Callable[[Cell], bool]
    ) -> CandidateSpace:
        """Return the candidates of some factors.

        Args:
            factors: The factors.
            labels: For each factor, the labels that can be proposed.
            excluded: Returns whether a cell must not be proposed.
        """
        names = tuple(factor.name for factor in factors)
        bases = tuple(basis_of(factor) for factor in factors)
        options = tuple(map(tuple, labels))

        def allowed(row: Row) -> bool:
            return not excluded(
                {name: options[f][level] for f, (name, level) in enumerate(zip(names, row, strict=True))}
            )

        sizes = [len(x) for x in options]
        listed = None
        if np.prod(sizes, dtype=float) <= MOST_LISTED:
            rows = np.indices(sizes).reshape(len(sizes), -1).T
            listed = rows[[allowed(tuple(row)) for row in rows.tolist()]]
        blocks = tuple(basis.columns(x) for basis, x in zip(bases, options, strict=True))
        numbers = tuple({label: level for level, label in enumerate(x)} for x in options)
        return cls(
            names=names, bases=bases, labels=options, allowed=allowed, listed=listed, _blocks=blocks, _numbers=numbers
        )

    @property
    def varies(self) -> bool:
        """True if the space has more than one cell."""
        return any(len(labels) > 1 for labels in self.labels)

    def cell(self, row: Row) -> Cell:
        """Return the labels of a row."""
        return {name: self.labels[f][row[f]] for f, name in enumerate(self.names)}

    def row(self, cell: Cell) -> Row:
        """Return the row of a cell; a value of a range becomes the nearest candidate."""
        try:
            return tuple([numbers[cell[name]] for numbers, name in zip(self._numbers, self.names, strict=True)])
        except KeyError:
            for f, name in enumerate(self.names):
                if cell[name] not in self._numbers[f]:
                    self._numbers[f][cell[name]] = self._nearest(f, cell[name])
            return self.row(cell)

    def columns(self, rows: Sequence[Row] | NDArray[np.intp]) -> Floats:
        """Return the columns (m, P) of the main effects for m rows."""
        numbers = np.asarray(rows, dtype=np.intp).reshape(-1, len(self.names))
        return np.concatenate([block[numbers[:, f]] for f, block in enumerate(self._blocks)], axis=1)

    def random(self, random: np.random.Generator, count: int) -> list[Row]:
        """Return up to `count` random cells."""
        if self.listed is not None:
            return [tuple(row) for row in self.listed[random.permutation(len(self.listed))[:count]].tolist()]
        drawn = np.stack([random.integers(len(x), size=4 * count) for x in self.labels], axis=1)
        return [row for row in map(tuple, drawn.tolist()) if self.allowed(row)][:count]

    def neighbours(self, row: Row, free: Sequence[int]) -> list[Row]:
        """Return the rows that differ from `row` in one of the free factors, allowed or not."""
        return [
            (*row[:f], level, *row[f + 1 :]) for f in free for level in range(len(self.labels[f])) if level != row[f]
        ]

    def coordinate_ascent(
        self, surface: ScoreSurface, start: Row, free: Sequence[int], usable: Callable[[Row], bool]
    ) -> tuple[Row, float]:
        """Return the row that no change of a single free factor improves, and its score.

        Args:
            surface: The function to maximise.
            start: The first row.
            free: Numbers of the factors that may change.
            usable: Returns whether a row may be chosen.
        """
        blocks = self._blocks
        ends = np.cumsum([block.shape[1] for block in blocks])
        parts = [slice(end - block.shape[1], end) for end, block in zip(ends, blocks, strict=True)]
        row = list(start)
        here = self.columns([start])[0]
        for _ in range(_PASSES):
            before = list(row)
            for f in free:
                slope = surface.main[parts[f]] + surface.pairs[parts[f]] @ here
                for level in np.argsort(-(blocks[f] @ slope), kind="stable").tolist():
                    if level == row[f]:
                        break
                    if usable((*row[:f], level, *row[f + 1 :])):
                        row[f] = level
                        here[parts[f]] = blocks[f][level]
                        break
            if row == before:
                break
        return tuple(row), float(surface.at(here[None])[0])

    def _nearest(self, f: int, label: str) -> int:
        values = np.array([float(x) for x in self.labels[f]])
        return int(np.abs(np.log(values / float(label)) if values.min() > 0 else values - float(label)).argmin())


def candidate_space(space: Space) -> CandidateSpace:
    """Return the candidates of a space."""
    factors = [factor.record() for factor in space.factors]
    labels = [tuple(x.levels) or tuple(_values(factor)) for x, factor in zip(factors, space.factors, strict=True)]
    return CandidateSpace.of(factors, labels, lambda cell: space.excluded(cell) is not None)


def _values(factor: Factor) -> list[str]:
    return list(dict.fromkeys(factor.label_at(step / (STEPS - 1)) for step in range(STEPS)))
