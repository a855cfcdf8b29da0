"""The factorial model: its trials, the fit of its scales, and the posterior of its coefficients."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.basis import Basis
from analysis.statistics.factorial.scales import Scales, ScaleVector, expected_scales

VAGUE = 0.2**2
"""Prior variance of the level of a rung and of the offset of a replicate, IoU squared."""
_MOST_STEPS = 200
_DRAWS = 32
"""Draws of the scales: intervals that take one estimate for the truth are too narrow."""
_IMPOSSIBLE = 1e12
"""Replaces a loss that cannot be computed."""
_STEP = 1e-3
_LEAST_CURVATURE = 1.0
"""Lower bound of the curvature of the posterior: keeps draws within a few units of the mode."""


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
        return (*(c @ c.T for c in self.columns), self.pairs, _same(self.arms))

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
    for gram in _grams(columns, n):
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
        level=1.0 + several * _same(replicate),
        arms=arm,
        replicates=replicate,
        means=means,
        scores=scores - means,
        observed=np.flatnonzero(~np.isnan(scores.ravel())),
        epochs=tuple(epochs),
    )


def fit_scales(
    trials: Trials,
    *,
    tails: float = 10.0,
    draws: int = _DRAWS,
    expected: Scales | None = None,
    start: Scales | None = None,
    steps: int = _MOST_STEPS,
) -> list[Scales]:
    """Return draws of the scales given the trials.

    They are drawn around the maximum of the posterior density with the curvature at the maximum (Laplace). A single
    draw
    is the maximum itself.

    Args:
        trials: The trials.
        tails: Degrees of freedom of the draws; fewer give heavier tails.
        draws: Number of draws.
        expected: Centre of the prior; by default `expected_scales`.
        start: Start of the optimisation; by default the centre of the prior.
        steps: Most steps of the optimisation.
    """
    from scipy import optimize

    packing = ScaleVector(expected or expected_scales(len(trials.bases), trials.epochs))

    def loss(vector: Floats) -> tuple[float, Floats]:
        # After a long step the covariance may be singular in floating point; the optimiser then takes a shorter one.
        with np.errstate(over="ignore", invalid="ignore"):
            scales = packing.unpack(vector)
            try:
                state = _solve(trials, scales)
                prior, prior_slope = packing.prior(vector)
            except np.linalg.LinAlgError:
                return _IMPOSSIBLE, np.zeros_like(vector)
            value_and_slope = (
                -state.likelihood - prior,
                -packing.slope(vector, *_slopes(trials, scales, state)) - prior_slope,
            )
        return value_and_slope if np.isfinite(value_and_slope[0]) else (_IMPOSSIBLE, np.zeros_like(vector))

    first = packing.pack(start or packing.expected)
    best = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-7}).x
    vectors = [best] if draws == 1 else _around(loss, best, tails, draws)
    return [_normalise(packing.unpack(vector)) for vector in vectors]


def correlation_of_scores(bases: Sequence[Basis], scales: Scales) -> Floats:
    """Return (K, K) the expected correlation of scores at the rungs over random cells."""
    together = spread_of_scores(bases, scales)
    deviations = np.sqrt(np.diag(together))
    return np.asarray(together / np.outer(deviations, deviations))


def spread_of_scores(bases: Sequence[Basis], scales: Scales) -> Floats:
    """Return (K, K) the expected covariance of scores at the rungs over random cells."""
    spread = [basis.share * basis.width for basis in bases]
    main = float(np.square(scales.main) @ spread)
    pairs = scales.pairs**2 * sum(f * g for f, g in itertools.combinations(spread, 2))
    return np.asarray(
        main * scales.rung_correlation
        + (pairs + scales.arm_residual**2) * scales.residual_rung_correlation
        + scales.noise
    )


def usual_deviation(bases: Sequence[Basis], epochs: Sequence[int]) -> float:
    """Return the prior standard deviation of final scores over random cells, IoU."""
    return float(np.sqrt(spread_of_scores(bases, expected_scales(len(bases), epochs))[-1, -1]))


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


@dataclass(frozen=True)
class _State:
    """Terms shared by the likelihood and its gradient.

    Attributes:
        weighted: (nK,) precision times residual; 0 where a score is missing.
        precision: (nK, nK) inverse covariance of the scores; 0 where a score is missing.
        likelihood: Logarithm of the marginal likelihood.
    """

    weighted: Floats
    precision: Floats
    likelihood: float


def covariance_of_scores(trials: Trials, scales: Scales) -> Floats:
    """Return the prior covariance of the measured scores, (observed, observed)."""
    n, k = trials.scores.shape
    main = np.zeros((n, n))
    for scale, gram in zip(scales.main.tolist(), _grams(trials.columns, n), strict=True):
        gram *= scale**2
        main += gram
    arm_residual = scales.pairs**2 * trials.pairs + scales.arm_residual**2 * _same(trials.arms)
    full = np.empty((n, k, n, k))
    for i, j in itertools.product(range(k), repeat=2):
        # One pair of rungs at a time, which fits into the cache.
        block = scales.rung_correlation[i, j] * main + scales.residual_rung_correlation[i, j] * arm_residual
        if i == j:
            block += VAGUE * trials.level
        block.flat[:: n + 1] += scales.noise[i, j]
        full[:, i, :, j] = block
    return np.asarray(full.reshape(n * k, n * k)[np.ix_(trials.observed, trials.observed)])


def _grams(columns: Sequence[Floats], n: int) -> Iterator[Floats]:
    """Yield the (n, n) Gram matrix of each factor, all in one buffer because they are large."""
    buffer = np.empty((n, n))
    for factor_columns in columns:
        yield np.matmul(factor_columns, factor_columns.T, out=buffer)


def _solve(trials: Trials, scales: Scales) -> _State:
    n, k = trials.scores.shape
    observed = np.ix_(trials.observed, trials.observed)
    factor = np.linalg.cholesky(covariance_of_scores(trials, scales))
    root = np.linalg.inv(factor)
    precision = np.zeros((n * k, n * k))
    precision[observed] = root.T @ root
    values = np.nan_to_num(trials.scores.ravel())
    weighted = precision @ values
    likelihood = -0.5 * float(values @ weighted) - float(np.log(np.diag(factor)).sum())
    return _State(weighted=weighted, precision=precision, likelihood=likelihood)


def _slopes(trials: Trials, scales: Scales, state: _State) -> tuple[Floats, Floats, Floats, Floats]:
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


def _around(loss: Callable[[Floats], tuple[float, Floats]], best: Floats, tails: float, draws: int) -> list[Floats]:
    """Return draws of Student's distribution with the curvature of the density at its maximum."""
    count = len(best)
    curvature = np.empty((count, count))
    for i, step in enumerate(_STEP * np.eye(count)):
        curvature[i] = (loss(best + step)[1] - loss(best - step)[1]) / (2 * _STEP)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    deviations = 1 / np.sqrt(np.maximum(values, _LEAST_CURVATURE))
    random = np.random.default_rng(0)
    heavy = np.sqrt(tails / random.chisquare(tails, size=(draws, 1)))
    return list(best + (random.normal(size=(draws, count)) * heavy * deviations) @ vectors.T)


def _normalise(scales: Scales) -> Scales:
    """Return equivalent scales whose correlation of the last rung with itself is 1."""
    main, arm_residual = float(scales.rung_correlation[-1, -1]), float(scales.residual_rung_correlation[-1, -1])
    return replace(
        scales,
        main=scales.main * np.sqrt(main),
        pairs=scales.pairs * float(np.sqrt(arm_residual)),
        arm_residual=scales.arm_residual * float(np.sqrt(arm_residual)),
        rung_correlation=scales.rung_correlation / main,
        residual_rung_correlation=scales.residual_rung_correlation / arm_residual,
    )


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
    state = _solve(trials, scales)
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


def _same(names: NDArray[np.intp]) -> Floats:
    return np.asarray(names[:, None] == names[None, :], dtype=np.float64)


def _columns(columns: Sequence[Floats], group: tuple[int, ...]) -> Floats:
    product = columns[group[0]]
    for other in group[1:]:
        product = np.einsum("ia,ib->iab", product, columns[other]).reshape(len(product), -1)
    return product
