from __future__ import annotations

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.monotone_likelihood import compose, estimable, fit

EFFECT = 0.02
"""Effect of the factor on the final score; at the rung its sign is reversed (a slow starter)."""


def simulated(seed: int, *, n: int = 60, prune: bool) -> tuple[Floats, Floats]:
    """Return design and scores; pruning leaves the best third at the rung, and every eighth trial, a final score."""
    rng = np.random.default_rng(seed)
    level = rng.permutation(np.arange(n) % 2).astype(float)
    luck = rng.normal(0, 0.02, n)
    rung = 0.4 - EFFECT * level + luck + rng.normal(0, 0.01, n)
    final = 0.6 + EFFECT * level + 0.8 * luck + rng.normal(0, 0.01, n)
    if prune:
        stopped = (rung < np.quantile(rung, 2 / 3)) & (np.arange(n) % 8 != 0)
        final = np.where(stopped, np.nan, final)
    return np.stack([np.ones(n), level], axis=1), np.stack([rung, final], axis=1)


def test_without_pruning_it_is_least_squares() -> None:
    design, scores = simulated(0, prune=False)
    expected, *_ = np.linalg.lstsq(design, scores[:, 1], rcond=None)
    np.testing.assert_allclose(compose(design, scores), expected, atol=1e-10)


def test_pruning_biases_the_naive_mean_and_not_the_factored_likelihood() -> None:
    naive, factored = [], []
    for seed in range(200):
        design, scores = simulated(seed, prune=True)
        last = np.where(np.isnan(scores[:, 1]), scores[:, 0], scores[:, 1])
        naive.append(np.linalg.lstsq(design, last, rcond=None)[0][1])
        factored.append(compose(design, scores)[1])
    error = np.std(factored) / np.sqrt(len(factored))
    assert abs(np.mean(factored) - EFFECT) < 3 * error
    assert abs(np.mean(naive) - EFFECT) > 10 * error


def test_a_level_without_a_final_score_has_no_estimate() -> None:
    design, scores = simulated(1, prune=False)
    scores[design[:, 1] == 1, 1] = np.nan
    assert np.isnan(fit(design, scores, [str(i) for i in range(len(design))]).coefficients[1])


def test_aliased_columns_are_not_estimable() -> None:
    column = np.array([0.0, 1.0, 0.0, 1.0])
    assert estimable(np.stack([np.ones(4), column, column], axis=1)).tolist() == [True, False, False]


def test_too_few_clusters_give_no_interval() -> None:
    design, scores = simulated(2, prune=False)
    assert fit(design, scores, ["a" if level else "b" for level in design[:, 1]]).covariance is None
