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
def found(world: str) -> dict[str, Coverage]:
    told = coverages(world, [outcomes(world, seed) for seed in range(SWEEPS[world])])
    return {row.kind: row for row in told}


@pytest.mark.slow
@pytest.mark.parametrize("world", worlds(*WORLDS))
def test_recommended_intervals_hold_the_truth(world: str) -> None:
    recommended = [row for row in found(world).values() if row.recommended]
    assert recommended
    for row in recommended:
        # Each sweep counts as one piece of evidence, which is less than it is.
        binomial = math.sqrt(0.05 * 0.95 / row.sweeps)
        assert row.coverage >= 0.93 - 3 * max(binomial / 2, row.error), row
        assert row.sweeps == SWEEPS[world], "something was not told"


@pytest.mark.slow
@pytest.mark.parametrize(
    "world", ["fast", *(pytest.param(world, marks=pytest.mark.long) for world in ("slow", "many", "pruned grid"))]
)
def test_means_of_last_values_do_not(world: str) -> None:
    assert found(world)["naive"].coverage < 0.6
    assert found(world)["naive"].deviation > 3 * max(
        row.deviation for row in found(world).values() if row.recommended and row.kind in ("mixed", "weights")
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
    def outcome(told: int, covered: int) -> Outcome:
        return Outcome(
            kind="x", recommended=True, told=told, covered=covered, squares=0.04, shrinkage=-0.2, width=told * 0.1
        )

    (row,) = coverages("w", [[outcome(4, 4)], [outcome(4, 2)]])
    assert (row.sweeps, row.told, row.coverage) == (2, 8, 0.75)
    # Sums of covered minus 0.75 told are 1 and -1: sqrt(2 / 1 * 2) / 8.
    assert row.error == pytest.approx(0.25)
    assert row.deviation == pytest.approx(0.1)
    assert row.shrinkage == pytest.approx(-0.05)
