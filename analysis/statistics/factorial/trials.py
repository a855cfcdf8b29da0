"""Trials as input of the factorial model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.basis import Basis


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Trials as input of the model.

    Attributes:
        bases: Columns of the F factors.
        columns: Columns of each factor at the trials, (n, width).
        pairs: (n, n) Gram matrix of the columns of all pairs of factors.
        level: (n, n) Gram matrix of the terms with a vague prior: the level of a rung, and replicates.
        arms: (n,) index of each trial's arm, from 0.
        replicates: (n,) index of each trial's replicate, from 0.
        means: (K,) means of the scores.
        scores: (n, K) minus the means; NaN if a rung was not reached.
        observed: Positions of the known scores in `scores.ravel()`.
        epochs: K rising epochs of the scores; the last one is the full training.
    """

    bases: tuple[Basis, ...]
    columns: tuple[Floats, ...]
    pairs: Floats
    level: Floats
    arms: NDArray[np.intp]
    replicates: NDArray[np.intp]
    means: Floats
    scores: Floats
    observed: NDArray[np.intp]
    epochs: tuple[int, ...]

    @functools.cached_property
    def grams(self) -> tuple[Floats, ...]:
        """(n, n) Gram matrices: of each factor, of all pairs together, of arms."""
        return (*(c @ c.T for c in self.columns), self.pairs, equality(self.arms))

    @functools.cached_property
    def stacked(self) -> Floats:
        """The Gram matrices as rows, (groups, n n)."""
        return np.stack(self.grams).reshape(len(self.grams), -1)

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """The factors of each group of coefficients: single ones, then pairs."""
        count = range(len(self.bases))
        return [*((f,) for f in count), *itertools.combinations(count, 2)]


def trials_of(
    bases: Sequence[Basis],
    labels: Sequence[Sequence[str]],
    scores: Floats,
    arms: Sequence[str],
    replicates: Sequence[int],
    epochs: Sequence[int],
) -> Trials:
    """Return trials as input of the model.

    Args:
        bases: Columns of the F factors.
        labels: For each factor the n labels of the trials.
        scores: (n, K) at the rungs; NaN from the first rung that a trial did not reach.
        arms: n names; trials with the same name share an arm residual.
        replicates: n numbers; trials with the same number share a seed, and with it some noise.
        epochs: K rising epochs of the scores; the last one is the full training.
    """
    n, k = scores.shape
    assert len(bases) == len(labels) and len(arms) == len(replicates) == n and len(epochs) == k
    columns = tuple(basis.columns(factor_labels) for basis, factor_labels in zip(bases, labels, strict=True))
    total, squares = np.zeros((n, n)), np.zeros((n, n))
    for gram in factor_grams(columns, n):
        total += gram
        squares += np.square(gram, out=gram)
    _, arm = np.unique(np.asarray(arms), return_inverse=True)
    _, replicate = np.unique(np.asarray(replicates), return_inverse=True)
    several = float(len(set(replicates)) > 1)
    means = np.nanmean(scores, axis=0)
    return Trials(
        bases=tuple(bases),
        columns=columns,
        # All products of two different factors: the square of the sum minus the squares.
        pairs=0.5 * (total**2 - squares),
        level=1.0 + several * equality(replicate),
        arms=arm,
        replicates=replicate,
        means=means,
        scores=scores - means,
        observed=np.flatnonzero(~np.isnan(scores.ravel())),
        epochs=tuple(epochs),
    )


def factor_grams(columns: Sequence[Floats], n: int) -> Iterator[Floats]:
    """Yield the (n, n) Gram matrix of each factor, all in one buffer because they are large."""
    buffer = np.empty((n, n))
    for factor_columns in columns:
        yield np.matmul(factor_columns, factor_columns.T, out=buffer)


def equality(names: NDArray[np.intp]) -> Floats:
    """Return (n, n) 1 where two names are equal, else 0."""
    return np.asarray(names[:, None] == names[None, :], dtype=np.float64)
