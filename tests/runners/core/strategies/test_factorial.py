"""Factorial sweeps on simulated workers: recorded events, resuming, pruning, ending when sure."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from runners.core.events import CertaintyJudged, Decided, Planned, ScalesLearned
from runners.core.history import History
from runners.core.next_leg import next_leg, plan_ahead
from runners.core.plan import Finished, Limits, Plan, Record
from runners.core.strategies import best_mean, factorial, strategy_of
from runners.simulation.regret import plan_of
from runners.simulation.synthetic import family_world
from runners.simulation.virtual_cluster import VirtualCluster
from tests.runners.core.test_plan import make_plan
from tests.runners.simulated import Cluster


def cluster_of(
    strategy: str, *, world: str = "arch:indep", seed: int = 1, limits: Limits | None = None
) -> VirtualCluster:
    simulated = family_world(world, seed)
    plan = plan_of(strategy, simulated, seed)
    if limits is not None:
        plan = replace(plan, limits=limits)
    return VirtualCluster(plan, simulated, workers=4, seed=seed, failures=0.01)


def test_scales_are_learned_at_rising_numbers_of_trials_only() -> None:
    cluster = cluster_of("factorial/none", limits=Limits(trials=40))
    cluster.run()
    lengths = [event.trials for event in cluster.events if isinstance(event, ScalesLearned)]
    assert len(lengths) > 3
    assert lengths[0] >= 12
    assert all(later >= int(1.25 * earlier) for earlier, later in itertools.pairwise(lengths))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["factorial/none", "factorial/asha"])
def test_a_resumed_sweep_decides_as_an_undisturbed_one(strategy: str) -> None:
    cluster = cluster_of(strategy, limits=Limits(trials=30, until=0.005))
    cluster.run()
    decided = [i for i, event in enumerate(cluster.events) if isinstance(event, Planned | ScalesLearned)]
    for position in decided[-12:]:
        # A new driver that reads the ledger up to here proposes the same event again.
        history = History(cluster.events[:position])
        event = replace(cluster.events[position], at=0.0)
        steps = [next_leg(cluster.plan, history), plan_ahead(cluster.plan, history)]
        proposed = [step.events[0] if isinstance(step, Record) else getattr(step, "planned", None) for step in steps]
        assert event in proposed


def test_a_sweep_ends_when_its_recommendation_is_sure() -> None:
    cluster = cluster_of("factorial/none", limits=Limits(trials=400, until=0.05, sure=0.9))
    cluster.run()
    assert isinstance(cluster.finished, Finished)
    assert "is within 0.05 of the best with probability" in cluster.finished.reason
    judged = [event for event in cluster.events if isinstance(event, CertaintyJudged)]
    assert judged[-1].probability >= 0.9
    assert all(event.probability < 0.9 for event in judged[:-1])
    assert cluster.history.arm_trials < 400
    # With stricter limits the same sweep goes on.
    stricter = replace(cluster.plan, limits=replace(cluster.plan.limits, until=1e-6))
    assert not isinstance(next_leg(stricter, cluster.history), Finished)


def test_other_strategies_end_when_sure_too() -> None:
    cluster = cluster_of("random/none", limits=Limits(trials=400, until=0.05))
    cluster.run()
    assert cluster.finished is not None
    assert "with probability" in cluster.finished.reason
    assert cluster.history.arm_trials < 400


def test_the_next_trial_is_planned_while_no_slot_is_free() -> None:
    cluster = cluster_of("factorial/none", limits=Limits(trials=20))
    cluster.run()
    ahead = [
        e for e in cluster.events if isinstance(e, Decided) and e.reason.endswith("planned while no slot was free")
    ]
    assert len(ahead) > 10
    assert cluster.history.arm_trials == 20
    assert not cluster.history.ready


def test_half_of_the_start_is_trained_whole() -> None:
    cluster = cluster_of("factorial/asha", limits=Limits(trials=16))
    cluster.run()
    assert [event.exempt for event in cluster.events if isinstance(event, Planned)] == 8 * [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("propose", ["factorial", "optuna", "random"])
def test_planning_ahead_keeps_nobody_from_being_promoted(propose: str) -> None:
    plan = make_plan(
        encoders=5, decoders=5, prune="asha", propose=propose, limits=Limits(trials=120), exempt_every=10**6
    )
    cluster = Cluster(plan, 5)
    cluster.run()
    rung = cluster.history.rungs[plan.rungs[0]]["plateau"]
    assert rung.reached > 30
    assert rung.promoted == rung.reached // plan.eta
    # Promotions come as soon as three more trials have reached the rung, not only at the end.
    promoted = [
        i for i, e in enumerate(cluster.events) if isinstance(e, Decided) and e.by == "asha" and e.kind == "promotion"
    ]
    planned = [i for i, e in enumerate(cluster.events) if isinstance(e, Planned)]
    assert promoted[len(promoted) // 2] < planned[-1]


@pytest.mark.slow
def test_an_arm_that_cannot_be_trained_counts_as_the_worst_and_is_not_tried_again() -> None:
    plan = make_plan(encoders=5, decoders=5, prune="asha", propose="factorial", limits=Limits(trials=60))
    cluster = Cluster(plan, 3, faults=0.1)
    cluster.run()
    seen = factorial.observations_of(plan, cluster.history)
    ended: dict[tuple[int, ...], int] = {}
    for view in cluster.history.by_number:
        row = plan.candidates.row(view.plan.cell)
        assert row not in ended or view.plan.number < ended[row] + cluster.slots + 1
        if view.status in ("DIVERGED", "OUT_OF_MEMORY"):
            ended.setdefault(row, len(cluster.history.by_number))
    assert set(ended) <= set(seen.closed)


def test_without_a_complete_trial_the_best_mean_of_the_longest_is_recommended() -> None:
    plan: Plan = make_plan(encoders=5, decoders=5, prune="asha", propose="factorial", limits=Limits(trials=60))
    cluster = Cluster(plan, 0)
    for _ in range(3):
        cluster.ask()
    assert strategy_of(plan).recommend(plan, cluster.history) is None
    while cluster.history.epochs_done < 8:
        cluster.work()
    assert all(view.epochs_done < 9 for view in cluster.history.by_number)
    recommended = strategy_of(plan).recommend(plan, cluster.history)
    assert recommended == best_mean.recommend(plan, cluster.history)
    views = cluster.history.by_number
    longest = max(view.epochs_done for view in views)
    best = max((view for view in views if view.epochs_done == longest), key=lambda view: max(view.scores))
    assert recommended is not None and recommended.cell == best.plan.cell
