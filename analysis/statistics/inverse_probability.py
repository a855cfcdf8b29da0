"""Inverse-probability weights: complete trials stand for the pruned ones that they resemble.

Whether a trial goes on beyond a rung depends on its score there and on whether it is exempt, both of which are
recorded. A complete trial is weighted by one over its probability of having become complete: that of being exempt, plus
that of being promoted with such a score, which is estimated from the recorded promotions as a rising function of the
score (Robins, Rotnitzky and Zhao 1994, doi:10.1080/01621459.1994.10476818; rising regression: Barlow and others,
Statistical Inference under Order Restrictions, 1972). Nothing is assumed of how scores at a rung and at the end go
together, which the likelihoods do, and the price is a wider interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.statistics.monotone_likelihood import Fit, fit


def fit_weighted(
    design: Floats, scores: Floats, exempt: NDArray[np.bool_], clusters: Sequence[str], *, beside: int = 1
) -> Fit:
    """Fit the effects of a design on the last of several scores by weighted least squares over complete trials.

    Args:
        design: (n, p) columns, the intercept among them.
        scores: (n, K), monotone: NaN from the first score on that a trial did not reach.
        exempt: (n,) whether a trial was never to be pruned; some were.
        clusters: n names; trials of one name are no independent evidence.
        beside: Number of first columns that no interval is wanted for: the intercept, and constants of replicates.
    """
    weights = np.sqrt(completion_weights(scores, exempt))
    complete = np.flatnonzero(weights)
    root = weights[complete, None]
    return fit(
        design[complete] * root,
        scores[complete, -1:] * root,
        [clusters[i] for i in complete.tolist()],
        beside=beside,
        alike=False,
    )


def completion_weights(scores: Floats, exempt: NDArray[np.bool_]) -> Floats:
    """Return (n,) one over the probability that a trial of such scores became complete; 0 for those that did not.

    Args:
        scores: (n, K), monotone: NaN from the first score on that a trial did not reach.
        exempt: (n,) whether a trial was never to be pruned.
    """
    whole = not np.isnan(scores).any()
    assert whole or exempt.any(), "without exempt trials some pruned ones have no complete one that resembles them"
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
    """Return the probability of promotion at some scores: the rising function nearest to what was recorded."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    fitted = isotonic_regression(promoted[order].astype(np.float64)).x
    levels: Floats = np.interp(at, scores[order], fitted)
    return levels
