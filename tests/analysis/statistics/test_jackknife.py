from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.jackknife import without_each
from analysis.statistics.monotone_likelihood import compose, estimable, fit


def monotone(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a design with an aliased column, scores that are complete in a third of the rows, and four groups."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, 3)).astype(float)
    design = np.column_stack([np.ones(n), bits, bits[:, 0]])
    scores = np.cumsum(rng.normal(size=(n, 3)), axis=1) + (design @ [0, 1, 2, 3, 0])[:, None]
    for row, count in enumerate(rng.integers(1, 4, n)):
        scores[row, count:] = np.nan
    return design, scores, rng.integers(0, 4, n)


@pytest.mark.parametrize("n", [30, 400])
def test_few_rows_have_the_regressions_of_all_rows_outside_a_group(n: int) -> None:
    design, scores, group = monotone(n, seed=n)
    for left_out, (few, their) in enumerate(without_each(design, scores, group)):
        rows = group != left_out
        assert compose(few, their) == pytest.approx(compose(design[rows], scores[rows]), abs=1e-9)
        complete = ~np.isnan(their[:, -1])
        expected = estimable(design[rows & ~np.isnan(scores[:, -1])])
        assert estimable(few[complete]).tolist() == expected.tolist() == [True, False, True, True, False]


def test_each_group_is_left_out_once() -> None:
    # The mean of one column without each of three values, by hand: (2 + 6) / 2, (1 + 6) / 2, (1 + 2) / 2.
    design, scores = np.ones((3, 1)), np.array([[1.0], [2.0], [6.0]])
    means = [float(compose(few, their)[0]) for few, their in without_each(design, scores, np.array([0, 1, 2]))]
    assert means == pytest.approx([4.0, 3.5, 1.5])


def test_a_column_that_only_one_group_identifies_is_lost_without_it() -> None:
    design = np.column_stack([np.ones(60), np.arange(60) < 10])
    scores = np.arange(60.0)[:, None]
    group = np.arange(60) // 10
    identified = [estimable(few).tolist() for few, _ in without_each(design, scores, group)]
    # Without group 0 the second column is 0 in every row.
    assert identified == [[True, False], *[[True, True]] * 5]


def test_the_jackknife_over_many_rows_has_the_standard_error_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(500), rng.integers(0, 2, 500)])
    scores = (design @ [0.5, 0.1] + rng.normal(0, 0.1, 500))[:, None]
    regression = fit(design, scores, [str(i) for i in range(500)])
    assert regression.covariance is not None
    # The standard error of least squares, 0.1 * sqrt(4 / 500), up to the sampling error of one sample.
    assert np.sqrt(regression.covariance[1, 1]) == pytest.approx(0.1 * np.sqrt(4 / 500), rel=0.15)
