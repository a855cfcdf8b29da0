from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.inverse_probability import completion_weights, fit_weighted

NAN = float("nan")


def test_an_exempt_trial_stands_for_the_pruned_ones_that_it_resembles() -> None:
    # Scores 1 to 4 were pruned, 5 and 6 promoted; the exempt ones, a quarter, scored 2 and 6.
    scores = np.array([[1, NAN], [2, NAN], [3, NAN], [4, NAN], [5, 0.5], [6, 0.6], [2, 0.2], [6, 0.7]])
    exempt = np.array([False] * 6 + [True] * 2)
    assert completion_weights(scores, exempt).tolist() == pytest.approx([0, 0, 0, 0, 1, 1, 4, 1])


def test_later_rungs_multiply() -> None:
    scores = np.array([[1, NAN, NAN], [2, 2, NAN], [3, 3, 3], [1, 1, 1]])
    exempt = np.array([False, False, False, True])
    # One in four is exempt; nobody that resembles the exempt trial was promoted at either rung: 4 * 4.
    assert completion_weights(scores, exempt)[3] == pytest.approx(16)


def test_without_pruning_it_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    level = (np.arange(40) % 2).astype(float)
    design = np.stack([np.ones(40), level], axis=1)
    scores = (0.5 + 0.1 * level + rng.normal(0, 0.01, 40))[:, None]
    regression = fit_weighted(design, scores, np.ones(40, dtype=bool), [str(i) for i in range(40)])
    assert regression.coefficients[1] == pytest.approx(scores[level == 1].mean() - scores[level == 0].mean())


def test_weights_of_a_pruned_sweep_assert_that_some_trials_are_exempt() -> None:
    with pytest.raises(AssertionError, match="pruned trials need exempt ones"):
        completion_weights(np.array([[1, NAN]]), np.array([False]))
