"""Synthetic worlds: their draws, and that each family is as its name says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from runners.simulation.synthetic import EPOCHS, FAMILIES, family_world
from seatbelt.errors import UserError


def agreement(family: str, epoch: int, seeds: range = range(6)) -> float:
    """Return the mean rank correlation of scores at an epoch with quality, over the cells of small grids."""
    correlations = []
    for seed in seeds:
        world = family_world(f"arch:{family}", seed)
        cells = list(world.space.cells())
        scores = [world.curve(cell, 0)[epoch - 1] for cell in cells]
        correlations.append(spearmanr(scores, [world.quality(cell) for cell in cells]).statistic)
    return float(np.mean(correlations))


def test_early_scores_mislead_where_slow_cells_end_well() -> None:
    assert agreement("slow", 1) < -0.2 < 0.3 < agreement("fast", 1)
    assert abs(agreement("indep", 1)) < 0.3
    assert all(agreement(family, EPOCHS) > 0.5 for family in ("slow", "indep", "fast", "rugged"))
    assert agreement("noisy", EPOCHS) < agreement("indep", EPOCHS)


@pytest.mark.parametrize("name", ["arch:rugged", "joint:indep"])
def test_no_cell_is_better_than_the_best(name: str) -> None:
    world = family_world(name, 3)
    random = np.random.default_rng(0)
    for _ in range(300):
        cell = {factor.name: factor.label_at(float(random.random())) for factor in world.space.factors}
        assert world.quality(cell) <= world.best
        assert world.cost(cell) > 0


def test_the_average_arm_costs_one() -> None:
    world = family_world("arch:slow", 0)
    assert np.mean([world.cost(cell) for cell in world.space.cells()]) == pytest.approx(1.0)


def test_curves_are_the_same_each_time_and_end_at_the_quality() -> None:
    world, again = family_world("arch:fast", 5), family_world("arch:fast", 5)
    cell = next(iter(world.space.cells()))
    np.testing.assert_array_equal(world.curve(cell, 2), again.curve(cell, 2))
    assert not np.array_equal(world.curve(cell, 2), world.curve(cell, 3))
    ends = [world.curve(cell, replicate)[-1] for replicate in range(400)]
    sd = np.hypot(FAMILIES["fast"].trial_noise, FAMILIES["fast"].epoch_noise)
    assert np.mean(ends) == pytest.approx(world.quality(cell), abs=4 * sd / 20)
    assert np.std(ends) == pytest.approx(sd, rel=0.2)
    assert world.curve(cell, 0)[0] < world.curve(cell, 0)[-1]


@pytest.mark.parametrize("name", ["arch", "arch:", "grid:slow", "arch:slower"])
def test_there_is_no_such_world(name: str) -> None:
    with pytest.raises(UserError, match="write SPACE:FAMILY"):
        family_world(name, 0)
