"""Simulated sweeps of the product: costs, budgets, failures, reproducibility, and the summary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from runners.simulation.regret import CHECKS, Setting, expected_guess, plan_of, simulate, usual_budget
from runners.simulation.summary import summary
from runners.simulation.synthetic import family_world
from runners.simulation.virtual_cluster import VirtualCluster
from tests.benchmarks.recorded import RECORDED_SWEEPS

SETTING = Setting(world="arch:indep", strategy="random/asha", seed=4, budget=300.0)


def test_a_simulated_sweep_is_the_same_each_time() -> None:
    rows = simulate(SETTING)
    pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(simulate(SETTING)))
    assert len(rows) == CHECKS
    assert [row["cost"] for row in rows] == pytest.approx([300 * i / CHECKS for i in range(1, CHECKS + 1)])
    assert all(0 <= row["regret"] < 0.2 for row in rows)
    assert [row["regret"] for row in simulate(replace(SETTING, seed=5))] != [row["regret"] for row in rows]


def test_nothing_but_a_guess_is_recommended_before_anything_is_measured() -> None:
    world = family_world("arch:indep", 4)
    mean = np.mean([world.quality(cell) for cell in world.space.cells()])
    assert expected_guess(world) == pytest.approx(mean)


@pytest.mark.parametrize("strategy", ["random/asha", "ray"])
def test_failures_and_stragglers_cost_time(strategy: str) -> None:
    sound = simulate(replace(SETTING, strategy=strategy))
    ill = simulate(replace(SETTING, strategy=strategy, failures=0.05, stragglers=0.3))
    assert ill[-1]["hours"] > 1.15 * sound[-1]["hours"]
    assert ill[-1]["spent"] <= 300.0


def test_every_epoch_is_paid_for_and_no_worker_trains_two_trials() -> None:
    world = family_world("arch:slow", 0)
    cluster = VirtualCluster(plan_of("random/none", world, 0), world, workers=3, seed=0)
    cluster.run(100)
    paid = sum(world.cost(view.plan.cell) * view.epochs_done for view in cluster.history.by_number)
    assert cluster.spent == pytest.approx(paid)
    assert 100 <= cluster.spent < 104
    assert len(cluster.history.running) <= 3
    assert cluster.now * 3 >= cluster.spent - 4


def test_a_recorded_sweep_that_is_used_up_ends_before_its_budget() -> None:
    rows = simulate(
        Setting(world=str(RECORDED_SWEEPS / "architecture"), strategy="exhaustive/none", seed=1, budget=2000.0)
    )
    assert rows[-1]["spent"] == pytest.approx(540.0)
    assert rows[-1]["trials"] == 60
    assert rows[-1]["regret"] == 0.0, "with all curves seen, the truth of a recorded sweep is what was seen"
    assert rows[-1]["test_regret"] >= 0.0


def test_budgets() -> None:
    assert usual_budget(family_world("joint:flat", 0)) == 1500.0


def test_the_summary_by_hand() -> None:
    def rows(strategy: str, seed: int, regrets: list[float]) -> list[dict[str, object]]:
        points = [{"cost": 10.0 * (i + 1), "regret": regret} for i, regret in enumerate(regrets)]
        return [
            {"world": "w", "strategy": strategy, "seed": seed, "spent": min(row["cost"], 30.0), **row} for row in points
        ]

    table = pd.DataFrame(
        [
            *rows("ray", 0, [0.05, 0.03, 0.02, 0.02]),
            *rows("ray", 1, [0.05, 0.04, 0.04, 0.04]),
            *rows("ours", 0, [0.02, 0.004, 0.02, 0.004]),
            *rows("ours", 1, [0.02, 0.02, 0.01, 0.008]),
        ]
    )
    summarised = summary(table, "ray").set_index("strategy")
    assert summarised.loc["ray", "final"] == pytest.approx(0.03)
    assert summarised.loc["ray", "final_se"] == pytest.approx(0.01)
    assert summarised.loc["ours", "auc"] == pytest.approx((0.012 + 0.0145) / 2)
    assert (summarised.loc["ours", "cost_005"], summarised.loc["ours", "reached_005"]) == (40.0, 0.5)
    assert (summarised.loc["ours", "cost_010"], summarised.loc["ours", "reached_010"]) == (35.0, 1.0)
    # Ray's final regret is 0.03, for which it had spent 30; ours is there after 10.
    assert summarised.loc["ours", "ratio"] == pytest.approx(10 / 30)
    assert np.isnan(summary(table, "ours").set_index("strategy").loc["ray", "ratio"])
