"""Fits the scales of the factorial model to a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.basis import Basis
from analysis.statistics.factorial.likelihood import gradients, likelihood
from analysis.statistics.factorial.scales import Scales, ScaleVector, expected_scales
from analysis.statistics.factorial.trials import Trials

_MOST_STEPS = 200
_DRAWS = 32
"""Draws of the scales: intervals that take one estimate for the truth are too narrow."""
_IMPOSSIBLE = 1e12
"""Replaces a loss that cannot be computed."""
_STEP = 1e-3
_LEAST_CURVATURE = 1.0
"""Lower bound of the curvature of the posterior: keeps draws within a few units of the mode."""


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
                state = likelihood(trials, scales)
                prior, prior_slope = packing.prior(vector)
            except np.linalg.LinAlgError:
                return _IMPOSSIBLE, np.zeros_like(vector)
            value_and_slope = (
                -state.logarithm - prior,
                -packing.slope(vector, *gradients(trials, scales, state)) - prior_slope,
            )
        return value_and_slope if np.isfinite(value_and_slope[0]) else (_IMPOSSIBLE, np.zeros_like(vector))

    first = packing.pack(start or packing.expected)
    best = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-7}).x
    vectors = [best] if draws == 1 else _draws_around(loss, best, tails, draws)
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


def _draws_around(
    loss: Callable[[Floats], tuple[float, Floats]], best: Floats, tails: float, draws: int
) -> list[Floats]:
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
