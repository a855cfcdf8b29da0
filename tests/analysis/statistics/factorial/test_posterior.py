from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.factorial import Scales, Trials, basis_of, coefficients, fit_scales, trials_of
from analysis.statistics.factorial.likelihood import gradients, likelihood
from analysis.statistics.factorial.scales import ScaleVector, expected_scales
from seatbelt.records.sweep import SweepFactor

FACTORS = (
    SweepFactor(name="a", levels={"off": {}, "on": {}}),
    SweepFactor(name="b", levels={"x": {}, "y": {}, "z": {}}),
)
EPOCHS = (3, 9)
SCALES = Scales(
    main=np.array([0.03, 0.02]),
    pairs=0.01,
    arm_residual=0.005,
    rung_correlation=np.array([[1.5, 0.4], [0.4, 1.0]]),
    residual_rung_correlation=np.array([[0.7, 0.6], [0.6, 1.0]]),
    noise=np.array([[2e-4, 1e-4], [1e-4, 3e-4]]),
)


def some_trials(seed: int = 0, replicates: int = 4, rungs: int = 2) -> Trials:
    """Return a small grid with replicates, whose worse half stopped at the rung; `rungs=1` leaves final scores only."""
    rng = np.random.default_rng(seed)
    cells = [(a, b, r) for r in range(replicates) for a in FACTORS[0].levels for b in FACTORS[1].levels]
    rung = 0.4 + 0.02 * np.array([a == "on" for a, _, _ in cells]) + rng.normal(0, 0.02, len(cells))
    final = rung + 0.1 + rng.normal(0, 0.01, len(cells))
    final[rung < np.median(rung)] = np.nan
    return trials_of(
        [basis_of(factor) for factor in FACTORS],
        [[c[0] for c in cells], [c[1] for c in cells]],
        np.stack([rung, final], axis=1)[:, -rungs:],
        [f"{a}{b}" for a, b, _ in cells],
        [r for _, _, r in cells],
        EPOCHS[-rungs:],
    )


def test_the_posterior_is_that_of_a_regression_with_every_coefficient_written_out() -> None:
    trials = some_trials()
    n, k = trials.scores.shape
    a, b = trials.columns
    pair = np.einsum("ia,ib->iab", a, b).reshape(n, -1)
    arms = np.unique(np.round(np.concatenate([a, b], axis=1), 6), axis=0, return_inverse=True)[1].ravel()
    replicate = np.repeat(np.arange(n // 6), 6)
    blocks = [
        (a, 0.03**2 * SCALES.rung_correlation),
        (b, 0.02**2 * SCALES.rung_correlation),
        (pair, 0.01**2 * SCALES.residual_rung_correlation),
        (np.eye(6)[arms], 0.005**2 * SCALES.residual_rung_correlation),
        (np.concatenate([np.ones((n, 1)), np.eye(n // 6)[replicate]], axis=1), 0.2**2 * np.eye(k)),
    ]
    design = np.concatenate([np.kron(columns, np.eye(k)) for columns, _ in blocks], axis=1)
    sizes = [columns.shape[1] for columns, _ in blocks]
    prior = np.zeros((design.shape[1], design.shape[1]))
    start = 0
    for size, (_, covariance) in zip(sizes, blocks, strict=True):
        stop = start + size * k
        prior[start:stop, start:stop] = np.kron(np.eye(size), covariance)
        start = stop
    observed = trials.observed
    rows, noise = design[observed], np.kron(np.eye(n), SCALES.noise)[np.ix_(observed, observed)]
    precision = rows.T @ np.linalg.inv(noise) @ rows + np.linalg.inv(prior)
    mean = np.linalg.solve(precision, rows.T @ np.linalg.inv(noise) @ trials.scores.ravel()[observed])
    ends = np.arange(sum(sizes[:3])) * k + k - 1

    posterior = coefficients(trials, [SCALES], trials.groups)
    np.testing.assert_allclose(posterior.mean, mean[ends], rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(
        posterior.covariance, np.linalg.inv(precision)[np.ix_(ends, ends)], rtol=1e-5, atol=1e-12
    )


def test_the_gain_is_what_a_score_moves() -> None:
    trials = some_trials()
    posterior = coefficients(trials, [SCALES], trials.groups)
    np.testing.assert_allclose(
        np.einsum("pnk,nk->p", posterior.gain, np.nan_to_num(trials.scores)), posterior.mean, atol=1e-12
    )


def test_one_rung_is_as_good_as_two_that_say_nothing_of_each_other() -> None:
    apart = Scales(
        main=SCALES.main,
        pairs=SCALES.pairs,
        arm_residual=SCALES.arm_residual,
        rung_correlation=np.diag([1.5, 1.0]),
        residual_rung_correlation=np.diag([0.7, 1.0]),
        noise=np.diag(np.diag(SCALES.noise)),
    )
    end = replace(
        apart,
        rung_correlation=apart.rung_correlation[1:, 1:],
        residual_rung_correlation=apart.residual_rung_correlation[1:, 1:],
        noise=apart.noise[1:, 1:],
    )
    two, one = some_trials(), some_trials(rungs=1)
    expected, result = (coefficients(t, [s], t.groups) for t, s in ((two, apart), (one, end)))
    np.testing.assert_allclose(result.mean, expected.mean, atol=1e-12)
    np.testing.assert_allclose(result.covariance, expected.covariance, atol=1e-12)


def test_scales_are_learned_from_one_rung() -> None:
    (scales,) = fit_scales(some_trials(replicates=8, rungs=1), draws=1)
    assert scales.rung_correlation.tolist() == scales.residual_rung_correlation.tolist() == [[1.0]]
    assert scales.main[0] > 0.005 and 0.005**2 < scales.noise[0, 0] < 0.03**2


def test_slopes_are_those_of_the_likelihood_and_the_prior() -> None:
    trials = some_trials()
    packing = ScaleVector(expected_scales(len(FACTORS), EPOCHS))
    vector = packing.pack(SCALES)
    scales = packing.unpack(vector)
    slope = packing.slope(vector, *gradients(trials, scales, likelihood(trials, scales)))
    for i, step in enumerate(1e-5 * np.eye(len(vector))):
        above, below = packing.unpack(vector + step), packing.unpack(vector - step)
        rise = likelihood(trials, above).logarithm - likelihood(trials, below).logarithm
        prior = (packing.prior(vector + step)[0] - packing.prior(vector - step)[0]) / 2e-5
        assert slope[i] == pytest.approx(rise / 2e-5, rel=1e-4, abs=1e-4)
        assert packing.prior(vector)[1][i] == pytest.approx(prior, rel=1e-4, abs=1e-4)


def test_packing_and_unpacking_give_the_same_scales() -> None:
    packing = ScaleVector(expected_scales(len(FACTORS), EPOCHS))
    again = packing.unpack(packing.pack(SCALES))
    np.testing.assert_allclose(again.main, SCALES.main)
    np.testing.assert_allclose(again.residual_rung_correlation, SCALES.residual_rung_correlation)
    np.testing.assert_allclose(again.noise, SCALES.noise)
    assert (again.pairs, again.arm_residual) == (pytest.approx(0.01), pytest.approx(0.005))


def test_fitted_scales_are_the_likeliest() -> None:
    trials = some_trials(replicates=8)
    packing = ScaleVector(expected_scales(len(FACTORS), EPOCHS))

    def density(scales: Scales) -> float:
        return likelihood(trials, scales).logarithm + packing.prior(packing.pack(scales))[0]

    (best,) = fit_scales(trials, draws=1)
    # Normalisation changes only the density of the prior, by less than 0.5.
    for factor, other in itertools.product((0.5, 2.0), range(4)):
        moved = [best.main, best.pairs, best.arm_residual, best.noise]
        moved[other] = moved[other] * factor
        scales = Scales(
            main=np.asarray(moved[0]),
            pairs=float(moved[1]),
            arm_residual=float(moved[2]),
            noise=np.asarray(moved[3]),
            rung_correlation=best.rung_correlation,
            residual_rung_correlation=best.residual_rung_correlation,
        )
        assert density(scales) < density(best) + 0.5


def test_draws_are_the_same_each_time_and_differ_from_one_another() -> None:
    trials = some_trials()
    first, again = fit_scales(trials, draws=3), fit_scales(trials, draws=3)
    assert [s.pairs for s in first] == [s.pairs for s in again]
    assert len({s.pairs for s in first}) == 3
    assert all(s.rung_correlation[-1, -1] == pytest.approx(1) for s in first)
