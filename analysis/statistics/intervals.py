"""Intervals for means over few replicates, and over images of few subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats

LEVEL = 0.95
_RESAMPLES = 4000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its interval; the bounds are None if there are too few values."""

    mean: float
    low: float | None
    high: float | None
    n: int
    """Number of independent units: replicates or subjects."""

    def text(self, digits: int = 3) -> str:
        """Return `0.512 [0.488, 0.536]`."""
        if self.low is None or self.high is None:
            return f"{self.mean:.{digits}f} [n={self.n}: no interval]"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def over_replicates(values: Sequence[float]) -> Interval:
    """Return the mean of independent values with Student's interval."""
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    assert n, "no values"
    mean = float(array.mean())
    if n < 2:
        return Interval(mean=mean, low=None, high=None, n=n)
    half = float(student_half_width(array.std(ddof=1, keepdims=True), np.array([n]))[0])
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n)


def student_half_width(sd: NDArray[Any], n: NDArray[Any]) -> Floats:
    """Return half the width of Student's interval for means of n values; NaN for n below 2."""
    from scipy import stats

    several = n > 1
    quantile = stats.t.ppf((1 + LEVEL) / 2, np.where(several, n - 1, 1))
    half: Floats = np.where(several, quantile * sd / np.sqrt(n), np.nan)
    return half


def over_subjects(values: Floats, subjects: Sequence[str], *, seed: int = 0) -> Interval:
    """Return the mean over replicates and images, with a bootstrap interval over replicates and subjects.

    Images of one person are not independent: whole subjects are drawn with replacement, and so are replicates (the
    pigeonhole bootstrap of Owen, 2007, doi:10.1214/07-AOAS122, with percentile bounds). With few subjects the interval
    is too narrow.

    Args:
        values: (R, N) score of each replicate and image.
        subjects: N names; an image without a name is its own subject.
        seed: Seed of the bootstrap.
    """
    assert values.ndim == 2 and values.shape[1] == len(subjects), f"{values.shape=}, {len(subjects)} subjects"
    names, group = np.unique(np.asarray(subjects), return_inverse=True)
    replicates, n = len(values), len(names)
    mean = float(values.mean())
    if n < 2:
        return Interval(mean=mean, low=None, high=None, n=n)
    sums = np.stack([values[:, group == g].sum(axis=1) for g in range(n)], axis=1)
    sizes = np.bincount(group, minlength=n)
    chosen, weights = _resamples(n, replicates, seed)
    means = np.einsum("bg,bg->b", weights @ sums, chosen) / (chosen @ sizes)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean=mean, low=float(low), high=float(high), n=n)


@lru_cache(maxsize=2)
def _resamples(subjects: int, replicates: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the count of each subject and the weight of each replicate in every resample; cached for all arms."""
    rng = np.random.default_rng(seed)
    chosen = rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=_RESAMPLES)
    weights = rng.multinomial(replicates, np.full(replicates, 1 / replicates), size=_RESAMPLES) / replicates
    return chosen, weights
