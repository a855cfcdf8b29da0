"""The marginal likelihood of the factorial model, and its gradient."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.scales import Scales
from analysis.statistics.factorial.trials import Trials, equality, factor_grams

VAGUE = 0.2**2
"""Prior variance of the level of a rung and of the offset of a replicate, IoU squared."""


@dataclass(frozen=True)
class Likelihood:
    """The marginal likelihood, with terms shared by its gradient.

    Attributes:
        weighted: (nK,) precision times residual; 0 where a score is missing.
        precision: (nK, nK) inverse covariance of the scores; 0 where a score is missing.
        logarithm: Logarithm of the marginal likelihood.
    """

    weighted: Floats
    precision: Floats
    logarithm: float


def covariance_of_scores(trials: Trials, scales: Scales) -> Floats:
    """Return the prior covariance of the measured scores, (observed, observed)."""
    n, k = trials.scores.shape
    main = np.zeros((n, n))
    for scale, gram in zip(scales.main.tolist(), factor_grams(trials.columns, n), strict=True):
        gram *= scale**2
        main += gram
    arm_residual = scales.pairs**2 * trials.pairs + scales.arm_residual**2 * equality(trials.arms)
    full = np.empty((n, k, n, k))
    for i, j in itertools.product(range(k), repeat=2):
        # One pair of rungs at a time, which fits into the cache.
        block = scales.rung_correlation[i, j] * main + scales.residual_rung_correlation[i, j] * arm_residual
        if i == j:
            block += VAGUE * trials.level
        block.flat[:: n + 1] += scales.noise[i, j]
        full[:, i, :, j] = block
    return np.asarray(full.reshape(n * k, n * k)[np.ix_(trials.observed, trials.observed)])


def likelihood(trials: Trials, scales: Scales) -> Likelihood:
    """Return the marginal likelihood of the measured scores."""
    n, k = trials.scores.shape
    observed = np.ix_(trials.observed, trials.observed)
    factor = np.linalg.cholesky(covariance_of_scores(trials, scales))
    root = np.linalg.inv(factor)
    precision = np.zeros((n * k, n * k))
    precision[observed] = root.T @ root
    values = np.nan_to_num(trials.scores.ravel())
    weighted = precision @ values
    logarithm = -0.5 * float(values @ weighted) - float(np.log(np.diag(factor)).sum())
    return Likelihood(weighted=weighted, precision=precision, logarithm=logarithm)


def gradients(trials: Trials, scales: Scales, state: Likelihood) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the gradients of the likelihood over the variances, both correlations and the noise."""
    n, k = trials.scores.shape
    pull = np.outer(state.weighted, state.weighted) - state.precision
    blocks = 0.5 * pull.reshape(n, k, n, k).transpose(1, 3, 0, 2)
    each = (trials.stacked @ blocks.reshape(k * k, n * n).T).reshape(-1, k, k)
    variances = np.array([*(scales.main**2), scales.pairs**2, scales.arm_residual**2])
    count = len(scales.main)
    over_variances = np.array(
        [
            (m * (scales.rung_correlation if g < count else scales.residual_rung_correlation)).sum()
            for g, m in enumerate(each)
        ]
    )
    weighted = variances[:, None, None] * each
    noise: Floats = np.einsum("klii->kl", blocks)
    return over_variances, weighted[:count].sum(axis=0), weighted[count:].sum(axis=0), noise
