"""Inverse-probability weights: complete trials represent the pruned ones that resemble them.

Whether a trial continues past a rung depends on its score there and on whether it is exempt; both are recorded. A
complete trial is weighted by the inverse of its probability of completion: the probability of being exempt plus that of
being promoted with its score, estimated from the recorded promotions as an increasing function of the score (Robins,
Rotnitzky and Zhao 1994, doi:10.1080/01621459.1994.10476818; isotonic regression: Barlow and others,
Statistical Inference under Order Restrictions, 1972). Unlike the likelihoods, this assumes nothing about the
relation of scores at a rung and at the end; the price is a wider interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.statistics.monotone_likelihood import Fit, fit


def fit_weighted(
    design: Floats, scores: Floats, exempt: NDArray[np.bool_], clusters: Sequence[str], *, nuisance: int = 1
) -> Fit:
    """Fit effects on the last of several scores by weighted least squares over complete trials.

    Args:
        design: (n, p) columns including the intercept.
        scores: (n, K), monotone: NaN from the first score that a trial did not reach.
        exempt: (n,) whether a trial was exempt from pruning; some were.
        clusters: n names; trials with the same name are not independent.
        nuisance: Number of leading columns that need no interval: the intercept and the replicates.
    """
    weights = np.sqrt(completion_weights(scores, exempt))
    complete = np.flatnonzero(weights)
    root = weights[complete, None]
    return fit(
        design[complete] * root,
        scores[complete, -1:] * root,
        [clusters[i] for i in complete.tolist()],
        nuisance=nuisance,
        equal_weights=False,
    )


def completion_weights(scores: Floats, exempt: NDArray[np.bool_]) -> Floats:
    """Return (n,) the inverse probability that a trial with its scores became complete; 0 if it did not.

    Args:
        scores: (n, K), monotone: NaN from the first score that a trial did not reach.
        exempt: (n,) whether a trial was exempt from pruning.
    """
    whole = not np.isnan(scores).any()
    assert whole or exempt.any(), "pruned trials need exempt ones that resemble them"
    share = float(exempt.mean())
    reached = ~np.isnan(scores)
    probability = np.ones(len(scores))
    for k in range(scores.shape[1] - 1):
        here = reached[:, k]
        compared = here & ~exempt
        if compared.any():
            promoted = _rising(scores[compared, k], reached[compared, k + 1], scores[here, k])
            probability[here] *= share + (1 - share) * promoted
    return np.where(reached[:, -1], 1 / probability, 0.0)


def _rising(scores: Floats, promoted: NDArray[np.bool_], at: Floats) -> Floats:
    """Return the probability of promotion at some scores: the increasing function closest to the records."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    fitted = isotonic_regression(promoted[order].astype(np.float64)).x
    levels: Floats = np.interp(at, scores[order], fitted)
    return levels
