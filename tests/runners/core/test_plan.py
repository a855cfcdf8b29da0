"""The decision core against simulated workers that answer in any order."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.core.events import Decided, EpochMeasured, LegEnded, Planned, Retried, SessionOpened
from runners.core.halving import check_rungs, default_rungs
from runners.core.history import History
from runners.core.next_leg import next_leg
from runners.core.plan import Finished, Leg, Limits, Plan, Wait, outcome_of_error
from search_spaces.axes import factor
from search_spaces.space import Space
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import trial_key
from seatbelt.records.tables import Status
from tests.runners.simulated import Cluster

EPOCHS = 9


def make_plan(
    *,
    encoders: int = 3,
    decoders: int = 2,
    prune: str = "asha",
    propose: str = "exhaustive",
    limits: Limits | None = None,
    rungs: tuple[int, ...] | None = None,
    exempt_every: int = 4,
) -> Plan:
    space = Space(
        factors=(
            factor("encoder", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"][:encoders]),
            factor("decoder", ["fpn", "unet", "linknet", "deeplabv3", "unetplusplus"][:decoders]),
        )
    )
    rungs = rungs or (default_rungs(EPOCHS, 3) if prune == "asha" else (EPOCHS,))
    return Plan(
        space=space,
        base=TrialConfig().with_fields({"epochs": EPOCHS}),
        propose=propose,
        prune=prune,
        rungs=rungs,
        exempt_every=exempt_every,
        limits=limits or Limits(),
    )


def check_invariants(cluster: Cluster) -> None:
    """Check what holds for every sweep at its end."""
    history, plan = cluster.history, cluster.plan
    keys = [view.key for view in history.by_number]
    assert len(set(keys)) == len(keys), "a trial key twice"
    epochs = Counter((e.trial_key, e.epoch) for e in cluster.events if isinstance(e, EpochMeasured))
    assert all(count == 1 for count in epochs.values()), "an epoch twice"
    for view in history.by_number:
        assert view.epochs_done <= EPOCHS
        if view.status is Status.COMPLETE:
            assert view.epochs_done == EPOCHS
        if view.plan.exempt:
            assert view.status not in (Status.PAUSED, Status.PRUNED), "an exempt trial was pruned"
    for rung in (rung for rungs in history.rungs.values() for rung in rungs.values()):
        assert rung.promoted <= max(1, rung.reached // plan.eta), "more promotions than a rung allows"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    slots=st.integers(1, 7),
    faults=st.sampled_from([0.0, 0.0, 0.1]),
    prune=st.sampled_from(["asha", "none"]),
    replicates=st.integers(1, 3),
    crashes=st.integers(0, 4),
)
def test_any_order_of_results_and_crashes(
    seed: int, slots: int, faults: float, prune: str, replicates: int, crashes: int
) -> None:
    plan = make_plan(prune=prune, limits=Limits(replicates=replicates))
    cluster = Cluster(plan, seed, slots=slots, faults=faults)
    for _ in range(crashes):
        for _ in range(cluster.random.randrange(30)):
            if cluster.finished is None and (len(cluster.legs) >= slots or isinstance(cluster.ask(), Wait)):
                cluster.work()
        cluster.crash()
        cluster.finished = None
    cluster.run()
    check_invariants(cluster)
    covered = {tuple(view.plan.cell.values()) for view in cluster.history.by_number}
    assert len(covered) == plan.space.size, "not every cell got its turn"
    assert len(cluster.history.trials) == plan.space.size * replicates
    assert not cluster.history.running
    assert not cluster.history.ready


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    prune=st.sampled_from(["asha", "none"]),
    propose=st.sampled_from(["exhaustive", "random", "factorial"]),
)
def test_the_same_history_gives_the_same_answer(seed: int, prune: str, propose: str) -> None:
    plan = make_plan(prune=prune, propose=propose, limits=Limits(trials=12, replicates=2))
    cluster = Cluster(plan, seed, faults=0.05)
    cluster.run()
    for length in cluster.random.sample(range(1, len(cluster.events)), k=min(15, len(cluster.events) - 1)):
        prefix = cluster.events[:length]
        first, second = next_leg(plan, History(prefix)), next_leg(plan, History(list(prefix)))
        assert first == second
        if isinstance(first, Leg):
            proposed = {event.trial_key for event in prefix if hasattr(event, "cell")}
            assert (first.planned is None) == (first.trial_key in proposed)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), prune=st.sampled_from(["asha", "none"]))
def test_a_finished_sweep_stays_finished(seed: int, prune: str) -> None:
    cluster = Cluster(make_plan(prune=prune), seed)
    cluster.run()
    trials, epochs = len(cluster.history.trials), cluster.history.epochs_done
    for _ in range(3):
        cluster.crash()
        assert isinstance(cluster.ask(), Finished)
    assert (len(cluster.history.trials), cluster.history.epochs_done) == (trials, epochs)
    assert cluster.history.statuses[Status.PAUSED] == 0


def test_a_disturbed_exhaustive_sweep_ends_with_the_same_trials() -> None:
    tables = []
    for crashes in (0, 6):
        cluster = Cluster(make_plan(prune="none", limits=Limits(replicates=2)), seed=crashes)
        for _ in range(crashes):
            for _ in range(11):
                if len(cluster.legs) >= 3 or not isinstance(cluster.ask(), Leg):
                    cluster.work()
            cluster.crash()
        cluster.run()
        tables.append([(v.key, v.plan.number, v.status, v.scores) for v in cluster.history.by_number])
    assert tables[0] == tables[1]


def test_every_cell_starts_before_the_first_promotion() -> None:
    cluster = Cluster(make_plan(encoders=5, decoders=5, limits=Limits(replicates=2)), seed=1, slots=2)
    cluster.run()
    decisions = [event for event in cluster.events if isinstance(event, Decided)]
    first_promotion = next(i for i, event in enumerate(decisions) if event.kind == "promotion")
    assert sum(event.kind == "proposal" for event in decisions[:first_promotion]) == 25


def test_the_exempt_quota_rotates_over_the_cells() -> None:
    plan = make_plan(encoders=4, decoders=3, limits=Limits(replicates=4), exempt_every=4)
    cluster = Cluster(plan, seed=3)
    cluster.run()
    exempt: dict[tuple[str, ...], int] = defaultdict(int)
    for view in cluster.history.by_number:
        exempt[tuple(view.plan.cell.values())] += view.plan.exempt
    assert set(exempt.values()) == {1}
    assert sum(view.plan.exempt for view in cluster.history.by_number) == 12
    complete = [v for v in cluster.history.by_number if v.plan.exempt]
    assert all(view.status is Status.COMPLETE for view in complete)


def test_a_third_is_promoted_and_they_are_the_best_that_waited() -> None:
    plan = make_plan(encoders=5, decoders=5, exempt_every=10**6)
    cluster = Cluster(plan, seed=5, slots=1)
    cluster.run()
    views = [view for view in cluster.history.by_number if not view.plan.exempt]
    promoted = [view for view in views if view.status is Status.COMPLETE]
    assert len(views) == 24
    assert len(promoted) == 8
    # With one slot all cells are measured before the first promotion, so that the choice is exactly the best third.
    ranked = sorted(views, key=lambda v: -max(v.scores[:3]))
    assert {view.key for view in promoted} == {view.key for view in ranked[:8]}


def test_seeds_are_shared_by_the_arms_of_a_replicate() -> None:
    cluster = Cluster(make_plan(prune="none", limits=Limits(replicates=3)), seed=2)
    cluster.run()
    seeds = {(view.plan.replicate, view.plan.config["seed"]) for view in cluster.history.by_number}
    assert seeds == {(0, 0), (1, 1), (2, 2)}


@pytest.mark.parametrize(
    ("limits", "trials", "epochs"),
    [(Limits(trials=4), 4, None), (Limits(epochs=20), None, 20), (Limits(epochs=9), 1, 9)],
)
def test_limits(limits: Limits, trials: int | None, epochs: int | None) -> None:
    cluster = Cluster(make_plan(prune="none", limits=limits), seed=4)
    cluster.run()
    assert cluster.finished is not None
    if trials is not None:
        assert len(cluster.history.trials) == trials
    if epochs is not None:
        assert cluster.history.epochs_done <= epochs
        assert "limit of --epochs" in cluster.finished.reason
    else:
        assert "limit of --trials" in cluster.finished.reason


def test_hours_count_the_time_of_drivers_only() -> None:
    plan = make_plan(limits=Limits(hours=1.0))
    opened = SessionOpened(session="a", host="h", pid=1, limits={}, at=0.0)
    later = SessionOpened(session="b", host="h", pid=1, limits={}, at=10_000.0)
    assert isinstance(next_leg(plan, History([opened, later])), Leg)
    leg = next_leg(plan, History([opened]))
    assert isinstance(leg, Leg)
    assert leg.planned is not None
    started = [opened, leg.planned, leg.started]
    ended = LegEnded(trial_key=leg.trial_key, attempt=1, outcome="interrupted", epoch=0, at=3600.0)
    step = next_leg(plan, History([*started, ended]))
    assert isinstance(step, Finished)
    assert "--hours" in step.reason


def test_larger_limits_extend_a_finished_sweep() -> None:
    cluster = Cluster(make_plan(limits=Limits(replicates=1)), seed=6)
    cluster.run()
    before = {view.key: list(view.scores) for view in cluster.history.by_number}
    cluster.plan = replace(cluster.plan, limits=Limits(replicates=3))
    cluster.finished = None
    cluster.run()
    check_invariants(cluster)
    assert len(cluster.history.trials) == 18
    for key, scores in before.items():
        assert cluster.history.trials[key].scores[: len(scores)] == scores


def test_a_failing_trial_is_retried_twice_and_then_fails() -> None:
    plan = make_plan(prune="none", limits=Limits(trials=1))
    cluster = Cluster(plan, seed=7, slots=1)
    outcomes = []
    for _ in range(3):
        leg = cluster.ask()
        assert isinstance(leg, Leg)
        view = cluster.history.trials[leg.trial_key]
        outcome = outcome_of_error(plan, view, "error", final=False)
        outcomes.append(outcome)
        cluster.record(LegEnded(trial_key=leg.trial_key, attempt=leg.attempt, outcome=outcome, epoch=0, at=1.0))
        cluster.legs.clear()
    assert outcomes == ["error", "error", "failed"]
    assert isinstance(cluster.ask(), Finished)
    assert view.status is Status.FAILED


def test_an_error_that_would_come_again_is_final() -> None:
    plan = make_plan()
    leg = next_leg(plan, History())
    assert isinstance(leg, Leg)
    assert leg.planned is not None
    view = History([leg.planned]).trials[leg.trial_key]
    assert outcome_of_error(plan, view, "error", final=True) == "failed"
    assert outcome_of_error(plan, view, "lost") == "lost"


def test_optuna_proposals_are_rebuilt_from_history_and_never_repeat_a_trial() -> None:
    plan = make_plan(prune="none", propose="optuna", limits=Limits(trials=14))
    cluster = Cluster(plan, seed=8)
    cluster.run()
    check_invariants(cluster)
    assert len(cluster.history.trials) == 14
    replicates = Counter(view.plan.arm_key for view in cluster.history.by_number)
    assert max(replicates.values()) > 1, "14 trials over 6 cells must repeat an arm as a replicate"
    prefix = cluster.events[: len(cluster.events) // 2]
    assert next_leg(plan, History(prefix)) == next_leg(plan, History(prefix))


def test_a_decision_does_not_scan_the_trials() -> None:
    class Unscannable(dict):  # type: ignore[type-arg]
        def __iter__(self) -> None:  # type: ignore[override]
            raise AssertionError("the trials were scanned")

        values = items = keys = __iter__  # type: ignore[assignment]

    cluster = Cluster(make_plan(limits=Limits(replicates=3)), seed=9)
    for _ in range(60):
        if len(cluster.legs) >= 3 or not isinstance(cluster.ask(), Leg):
            cluster.work()
    cluster.history.trials = Unscannable(cluster.history.trials)
    assert isinstance(next_leg(cluster.plan, cluster.history), Leg | Wait)


def test_rungs() -> None:
    assert default_rungs(50, 3) == (17, 50)
    assert default_rungs(9, 3) == (3, 9)
    assert default_rungs(1, 3) == (1,)
    assert check_rungs((2, 5), 9) == (2, 5, 9)
    for wrong in ((0, 3), (5, 3), (3, 3), (3, 10)):
        with pytest.raises(UserError, match=r"--rungs must rise from 1 to at most 9"):
            check_rungs(wrong, 9)


def test_events_are_what_the_core_returns() -> None:
    leg = next_leg(make_plan(), History())
    assert isinstance(leg, Leg)
    assert dataclasses.is_dataclass(leg.decided)
    assert leg.decided.kind == "proposal"
    assert leg.decided.trial_key == leg.trial_key == trial_key(leg.config)


@pytest.mark.parametrize("propose", ["exhaustive", "random", "optuna", "factorial"])
@pytest.mark.parametrize("prune", ["none", "asha"])
def test_test_scores_change_no_decision(propose: str, prune: str) -> None:
    limits = Limits(trials=9, replicates=2)
    decisions = []
    for score in (None, lambda key: random.Random(f"other {key}").random()):
        plan = make_plan(prune=prune, propose=propose, limits=limits)
        cluster = Cluster(plan, seed=11, test=score)
        cluster.run()
        check_invariants(cluster)
        decisions.append([event for event in cluster.events if isinstance(event, Decided | Planned)])
    assert decisions[0] == decisions[1]
    assert len(decisions[0]) > 15


def test_a_sweep_whose_first_trials_all_fail_alike_ends() -> None:
    plan = make_plan(prune="none", limits=Limits(replicates=5))
    cluster = Cluster(plan, seed=0, slots=2)
    for number in range(50):
        step = cluster.ask()
        if isinstance(step, Finished):
            break
        if isinstance(step, Leg):
            error = f"RuntimeError: no file number {number} (loader.py:12)"
            cluster.record(
                LegEnded(trial_key=step.trial_key, attempt=1, outcome="failed", epoch=0, at=1.0, error=error)
            )
            del cluster.legs[step.trial_key]
    assert cluster.finished is not None
    assert len(cluster.history.trials) == 5
    assert cluster.finished.reason == (
        "its first 5 trials failed with the same error: RuntimeError: no file number 0 (loader.py:12); mend it, then "
        "`seatbelt resume --retry failed`"
    )
    for view in cluster.history.by_number:
        cluster.record(Retried(trial_key=view.key, at=2.0))
    cluster.finished = None
    cluster.run()
    assert cluster.history.statuses[Status.COMPLETE] == 30


def test_one_success_and_the_breaker_is_off() -> None:
    plan = make_plan(prune="none", limits=Limits(replicates=3))
    cluster = Cluster(plan, seed=0, slots=1)
    first = cluster.ask()
    assert isinstance(first, Leg)
    while cluster.legs:
        cluster.work()
    for _ in range(30):
        step = cluster.ask()
        if not isinstance(step, Leg):
            break
        ended = LegEnded(trial_key=step.trial_key, attempt=1, outcome="failed", epoch=0, at=1.0, error="the same")
        cluster.record(ended)
        del cluster.legs[step.trial_key]
    assert cluster.finished is not None
    assert cluster.finished.reason == "every arm has its trials"
    assert cluster.history.statuses[Status.FAILED] == 17


@pytest.mark.parametrize("prune", ["none", "asha"])
def test_longer_trials_go_on(prune: str) -> None:
    cluster = Cluster(make_plan(prune=prune, encoders=5, decoders=4), seed=3)
    cluster.run()
    complete = [view.key for view in cluster.history.by_number if view.status is Status.COMPLETE]
    before = {view.key: list(view.scores) for view in cluster.history.by_number}
    longer = cluster.plan.base.with_fields({"epochs": 2 * EPOCHS})
    cluster.plan = replace(cluster.plan, base=longer, rungs=(*cluster.plan.rungs, 2 * EPOCHS))
    cluster.finished = None
    cluster.run()
    history = cluster.history
    assert all(history.trials[key].scores[: len(scores)] == scores for key, scores in before.items())
    grown = [view for view in history.by_number if view.epochs_done == 2 * EPOCHS]
    if prune == "none":
        assert len(grown) == len(history.trials) == 20
    else:
        exempt = {view.key for view in history.by_number if view.exempt}
        # All exempt trials go on, and of the other complete ones the best third.
        assert exempt <= {view.key for view in grown}
        others = {view.key for view in grown} - exempt
        assert 0 < len(others) <= max(1, len(set(complete)) // 3)


def test_further_levels_are_tried_and_nothing_twice() -> None:
    cluster = Cluster(make_plan(prune="none", encoders=2, decoders=2), seed=1)
    cluster.run()
    cluster.plan = make_plan(prune="none", encoders=3, decoders=4)
    cluster.finished = None
    opened = SessionOpened(session="t", host="h", pid=1, limits={}, at=cluster.clock, arms="a larger design")
    cluster.record(opened)
    cluster.run()
    check_invariants(cluster)
    assert len(cluster.history.trials) == 12
    assert {tuple(view.plan.cell.values()) for view in cluster.history.by_number} == {
        tuple(cell.values()) for cell in cluster.plan.space.cells()
    }
