"""Columns for the levels of a factor that sum to zero over the factor, which makes effects unique."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.reading.arrays import Floats
from seatbelt.records.sweep import SweepFactor, SweepRange

_DEGREES = 3
"""Degree of the polynomials of a range: slope, curvature and asymmetry."""


@dataclass(frozen=True, kw_only=True)
class Basis:
    """Columns of one factor.

    Each column has mean 0 over the levels (or over the range) and mean square `share`, and the columns are
    uncorrelated.
    All levels are alike under equal independent normal coefficients.
    """

    factor: SweepFactor
    matrix: Floats
    """(levels, columns); empty for a range."""
    share: float
    """Mean square of a column over the factor."""

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.matrix.shape[1] if len(self.matrix) else _DEGREES

    def columns(self, labels: Sequence[str]) -> Floats:
        """Return (n, columns) for n labels, which are levels or numbers of a range."""
        if self.factor.range is not None:
            return _polynomials(_unit(self.factor.range, labels))
        position = {label: i for i, label in enumerate(self.factor.levels)}
        return self.matrix[[position[label] for label in labels]]


def basis_of(factor: SweepFactor) -> Basis:
    """Return the columns of a factor: orthonormal contrasts of its levels, or polynomials over its range."""
    if factor.range is not None:
        return Basis(factor=factor, matrix=np.empty((0, 0)), share=1 / _DEGREES)
    count = len(factor.levels)
    centred = np.eye(count) - 1 / count
    # The first left singular vectors span all vectors that sum to zero.
    left, _, _ = np.linalg.svd(centred)
    return Basis(factor=factor, matrix=left[:, : count - 1], share=1 / count)


def _unit(span: SweepRange, labels: Sequence[str]) -> Floats:
    """Return the numbers of a range scaled to [-1, 1], by their logarithm if the range is logarithmic."""
    numbers = np.asarray(labels, dtype=np.float64)
    low, high = span.low, span.high
    if span.log:
        numbers, low, high = np.log(numbers), float(np.log(low)), float(np.log(high))
    return 2 * (numbers - low) / (high - low) - 1


def _polynomials(x: Floats) -> Floats:
    """Return Legendre polynomials 1 to 3 of x, each with mean square 1 / 3 over [-1, 1]."""
    values = np.polynomial.legendre.legvander(x, _DEGREES)[:, 1:]
    degrees = np.arange(1, _DEGREES + 1)
    return np.asarray(values * np.sqrt((2 * degrees + 1) / _DEGREES))
