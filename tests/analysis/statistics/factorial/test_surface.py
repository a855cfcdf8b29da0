from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.statistics.factorial import SurfacePosterior, coefficients
from tests.analysis.statistics.factorial.test_posterior import FACTORS, SCALES, some_trials

GROUPS = [(0,), (1,), (0, 1)]


def test_the_mean_has_the_coefficients_of_the_posterior() -> None:
    trials = some_trials()
    surface = SurfacePosterior(trials, SCALES).mean()
    expected = coefficients(trials, [SCALES], GROUPS).mean
    a, b = trials.columns
    np.testing.assert_allclose(surface.main, expected[: a.shape[1] + b.shape[1]], atol=1e-10)
    pair = surface.pairs[: a.shape[1], a.shape[1] :]
    np.testing.assert_allclose(pair.ravel(), expected[a.shape[1] + b.shape[1] :], atol=1e-10)


@pytest.mark.slow
def test_draws_have_the_mean_and_the_covariance_of_the_posterior() -> None:
    trials = some_trials()
    belief = SurfacePosterior(trials, SCALES)
    random = np.random.default_rng(1)
    expected = coefficients(trials, [SCALES], GROUPS)
    width = trials.columns[0].shape[1]
    drawn = []
    for _ in range(4000):
        surface = belief.draw(random)
        drawn.append(np.concatenate([surface.main, surface.pairs[:width, width:].ravel()]))
    deviations = np.sqrt(np.diag(expected.covariance))
    assert np.abs((np.mean(drawn, axis=0) - expected.mean) / deviations).max() < 0.08
    np.testing.assert_allclose(np.cov(np.array(drawn).T), expected.covariance, atol=0.08 * deviations.max() ** 2)


def test_scores_are_the_sums_of_their_parts() -> None:
    trials = some_trials()
    surface = SurfacePosterior(trials, SCALES).mean()
    cells = list(itertools.product(FACTORS[0].levels, FACTORS[1].levels))
    bases = trials.bases
    columns = np.concatenate([bases[f].columns([c[f] for c in cells]) for f in range(2)], axis=1)
    a, b = columns[:, :1], columns[:, 1:]
    by_hand = surface.level + columns @ surface.main + np.einsum("ia,ab,ib->i", a, surface.pairs[:1, 1:], b)
    np.testing.assert_allclose(surface.at(columns), by_hand)
