"""Effects on a final score that pruning hides for most trials: the factored likelihood of monotone missing data.

A trial is stopped because of its score at a rung, which is recorded. Given that score and the levels, the final scores
of
the trials that continued are not a selected sample, and the likelihood of all scores factors into regressions: the
score
at the first rung on the levels (all trials), and each later score on the levels and the earlier scores (the trials that
continued). Composing them gives the effects on the final score that an unpruned sweep would show (Anderson 1957,
doi:10.1080/01621459.1957.10501379; Little and Rubin, Statistical Analysis with Missing Data,
chapter 7). Without pruning this is ordinary least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.statistics.jackknife import without_each

_GROUPS = 200
"""Largest number of jackknife groups."""
_TOLERANCE = 1e-6
_RANK = 1e-11
"""Singular values below this share of the largest count as zero; rounding leaves less of aliased columns."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Coefficients of a design for the last score.

    Attributes:
        coefficients: (p,) of the columns; NaN where the trials cannot identify them.
        covariance: (p, p) by the jackknife over clusters; None if there are too few.
        freedom: Degrees of freedom of the intervals.
        clusters: Number of independent clusters with a final score.
    """

    coefficients: Floats
    covariance: Floats | None
    freedom: int
    clusters: int


def fit(
    design: Floats, scores: Floats, clusters: Sequence[str], *, nuisance: int = 1, equal_weights: bool = True
) -> Fit:
    """Fit effects on the last of several scores.

    Args:
        design: (n, p) columns including the intercept.
        scores: (n, K), monotone: NaN from the first score that a trial did not reach.
        clusters: n names; trials with the same name (replicates of one arm) are not independent.
        nuisance: Number of leading columns that need no interval: the intercept and the replicates.
        equal_weights: Whether all clusters have about the same weight; if not, the jackknife covariance is not reduced.
    """
    assert design.shape[0] == scores.shape[0] == len(clusters), f"{design.shape=} {scores.shape=} {len(clusters)=}"
    is_estimable = estimable(design[~np.isnan(scores[:, -1])])
    coefficients = np.where(is_estimable, compose(design, scores), np.nan)
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    complete = len(np.unique(cluster[~np.isnan(scores[:, -1])]))
    rank = int(np.linalg.matrix_rank(design))
    freedom = complete - rank
    if freedom < 1:
        return Fit(coefficients=coefficients, covariance=None, freedom=0, clusters=complete)
    is_estimable[:nuisance] = False
    covariance = _jackknife(design, scores, cluster, is_estimable)
    if covariance is not None and equal_weights:
        # Removes the bias for equal weights: leaving one out overstates by 1 / (1 - leverage).
        covariance = covariance * (1 - rank / len(names))
    return Fit(coefficients=coefficients, covariance=covariance, freedom=freedom, clusters=complete)


def compose(design: Floats, scores: Floats) -> Floats:
    """Return (p,) the effects on the last score, composed from the regressions of each score on the earlier ones."""
    p = design.shape[1]
    totals: list[Floats] = []
    for k in range(scores.shape[1]):
        rows = ~np.isnan(scores[:, k])
        earlier = _varying(scores[rows, :k])
        predictors = np.concatenate([design[rows], scores[rows][:, earlier]], axis=1)
        weights, *_ = np.linalg.lstsq(predictors, scores[rows, k], rcond=_RANK)
        total = weights[:p].copy()
        for weight, j in zip(weights[p:], earlier, strict=True):
            total += weight * totals[j]
        totals.append(total)
    return totals[-1]


def estimable(design: Floats) -> NDArray[np.bool_]:
    """Return (p,) whether the rows identify each coefficient."""
    if not len(design):
        return np.zeros(design.shape[1], dtype=bool)
    projection = np.linalg.pinv(design, rcond=_RANK) @ design
    alone: NDArray[np.bool_] = np.abs(projection - np.eye(design.shape[1])).max(axis=1) < _TOLERANCE
    return alone


def _varying(scores: Floats) -> list[int]:
    return [j for j in range(scores.shape[1]) if len(scores) and np.ptp(scores[:, j]) > 0]


def _jackknife(
    design: Floats, scores: Floats, cluster: NDArray[np.intp], is_estimable: NDArray[np.bool_]
) -> Floats | None:
    """Return the jackknife covariance over groups of clusters; None if a fit loses a coefficient."""
    groups = min(int(cluster.max()) + 1, _GROUPS)
    order = np.random.default_rng(0).permutation(int(cluster.max()) + 1)
    group = (order % groups)[cluster]
    fits = []
    for reduced_design, reduced_scores in without_each(design, scores, group):
        if (is_estimable & ~estimable(reduced_design[~np.isnan(reduced_scores[:, -1])])).any():
            return None
        fits.append(compose(reduced_design, reduced_scores))
    moved = np.array(fits) - np.mean(fits, axis=0)
    covariance: Floats = (groups - 1) / groups * moved.T @ moved
    return covariance
