"""The posterior of the coefficients of the factorial model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.likelihood import likelihood
from analysis.statistics.factorial.scales import Scales
from analysis.statistics.factorial.trials import Trials


@dataclass(frozen=True, kw_only=True)
class CoefficientPosterior:
    """Normal distribution of coefficients for final scores.

    Attributes:
        mean: (p,)
        covariance: (p, p)
        gain: (p, n, K) derivative of each coefficient with respect to each score; 0 where a score is missing.
    """

    mean: Floats
    covariance: Floats
    gain: Floats


def coefficients(trials: Trials, scales: Sequence[Scales], groups: Sequence[tuple[int, ...]]) -> CoefficientPosterior:
    """Return the coefficients of groups for final scores, in group order.

    The coefficients of a pair are in the order of `numpy.kron` of its factors' columns.

    Args:
        trials: The trials.
        scales: Draws of the scales; the result is their mean, and the covariance includes their spread.
        groups: Indices of one or two factors each.
    """
    scores = np.nan_to_num(trials.scores.ravel())
    columns = np.concatenate([_columns(trials.columns, group) for group in groups], axis=1)
    kinds = np.concatenate([np.full(_width(trials, group), g) for g, group in enumerate(groups)])
    gains, means = [], []
    within = np.zeros((len(kinds), len(kinds)))
    for each in scales:
        gain, covariance = _conditional(trials, each, [groups[g] for g in kinds], columns)
        gains.append(gain)
        means.append(gain @ scores)
        within += covariance / len(scales)
    mean = np.mean(means, axis=0)
    moved = np.array(means) - mean
    gain = np.mean(gains, axis=0).reshape(len(kinds), *trials.scores.shape)
    return CoefficientPosterior(mean=mean, covariance=within + moved.T @ moved / len(scales), gain=gain)


def _conditional(
    trials: Trials, scales: Scales, groups: Sequence[tuple[int, ...]], columns: Floats
) -> tuple[Floats, Floats]:
    """Return the gain (p, nK) and the covariance of coefficients for one set of scales.

    Args:
        trials: The trials.
        scales: The scales.
        groups: The group of each coefficient, p in all.
        columns: (n, p) columns at the trials.
    """
    state = likelihood(trials, scales)
    main = [len(group) == 1 for group in groups]
    deviations = [scales.main[group[0]] if one else scales.pairs for group, one in zip(groups, main, strict=True)]
    variances = np.array(deviations) ** 2
    ends = np.array([(scales.rung_correlation if one else scales.residual_rung_correlation)[-1] for one in main])
    pulled = np.einsum("ia,ak->ika", columns * variances, ends).reshape(len(state.precision), -1)
    gain = pulled.T @ state.precision
    covariance = np.diag(variances) - gain @ pulled
    return gain, (covariance + covariance.T) / 2


def _width(trials: Trials, group: tuple[int, ...]) -> int:
    return math.prod(trials.bases[f].width for f in group)


def _columns(columns: Sequence[Floats], group: tuple[int, ...]) -> Floats:
    product = columns[group[0]]
    for other in group[1:]:
        product = np.einsum("ia,ib->iab", product, columns[other]).reshape(len(product), -1)
    return product
