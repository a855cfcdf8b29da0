"""The short form of `make validate-statistics`."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from analysis.reading.design import Design
from tests.validation.coverage import Coverage, Outcome, coverages, outcomes
from tests.validation.worlds import WORLDS, Truth, simulate

SWEEPS = {"grid": 40, "fractional": 40, "slow": 10, "fast": 10, "many": 6, "pruned grid": 12}
SHORT = ("grid", "fast")


def worlds(*names: str) -> list[ParameterSet]:
    return [pytest.param(name, marks=() if name in SHORT else pytest.mark.long) for name in names]


@functools.cache
def coverage_of(world: str) -> dict[str, Coverage]:
    rows = coverages(world, [outcomes(world, seed) for seed in range(SWEEPS[world])])
    return {row.kind: row for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("world", worlds(*WORLDS))
def test_recommended_intervals_hold_the_truth(world: str) -> None:
    recommended = [row for row in coverage_of(world).values() if row.recommended]
    assert recommended
    for row in recommended:
        # One observation for each sweep understates the evidence, so that the bound is lenient.
        binomial = math.sqrt(0.05 * 0.95 / row.sweeps)
        assert row.coverage >= 0.93 - 3 * max(binomial / 2, row.error), row
        assert row.sweeps == SWEEPS[world], "a sweep without an estimate"


@pytest.mark.slow
@pytest.mark.parametrize(
    "world", ["fast", *(pytest.param(world, marks=pytest.mark.long) for world in ("slow", "many", "pruned grid"))]
)
def test_intervals_of_means_of_last_values_do_not_hold_the_truth(world: str) -> None:
    assert coverage_of(world)["naive"].coverage < 0.6
    assert coverage_of(world)["naive"].deviation > 3 * max(
        row.deviation for row in coverage_of(world).values() if row.recommended and row.kind in ("mixed", "weights")
    )


def test_slow_starters_are_pruned_and_the_truth_is_centred() -> None:
    sweep: tuple[Design, Truth] = simulate("slow", 0)
    observed, truth = sweep
    assert observed.pruned > 60
    assert all(abs(sum(levels.values())) < 1e-12 for levels in truth.main.values())
    assert all(np.allclose(pair.sum(axis=0), 0) and np.allclose(pair.sum(axis=1), 0) for pair in truth.pairs.values())


@pytest.mark.slow
def test_a_simulated_sweep_is_the_same_each_time() -> None:
    first, again = simulate("fast", 3)[0], simulate("fast", 3)[0]
    assert first.trials.equals(again.trials)
    np.testing.assert_array_equal(first.scores, again.scores)


def test_coverage_is_a_share_with_the_error_of_independent_sweeps() -> None:
    def outcome(estimates: int, covered: int) -> Outcome:
        return Outcome(
            kind="x",
            recommended=True,
            estimates=estimates,
            covered=covered,
            squares=0.04,
            shrinkage=-0.2,
            width=estimates * 0.1,
        )

    (row,) = coverages("w", [[outcome(4, 4)], [outcome(4, 2)]])
    assert (row.sweeps, row.estimates, row.coverage) == (2, 8, 0.75)
    # Covered minus 0.75 times the estimates is 1 and -1: sqrt(2 / 1 * 2) / 8.
    assert row.error == pytest.approx(0.25)
    assert row.deviation == pytest.approx(0.1)
    assert row.shrinkage == pytest.approx(-0.05)
