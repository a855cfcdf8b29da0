"""Stages in the decision core: trained once, awaited, shared with arms, and failed with the arms that need them."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.core.events import Adopted, EpochMeasured, LegEnded, LegStarted, Planned, Retried, StageFound, StageHeld
from runners.core.next_leg import next_leg
from runners.core.plan import Confirmation, Leg, Limits, Plan, Record, Wait
from search_spaces.factors import Factor
from search_spaces.space import Space
from search_spaces.studies.pretraining import study
from seatbelt.records.identity import stage_key, trial_key
from seatbelt.records.tables import Status
from tests.runners.simulated import Cluster

EPOCHS = 6


def make_plan(
    *, architectures: int = 2, stage_epochs: int = EPOCHS, replicates: int = 1, prune: str = "none", seed: int = 0
) -> Plan:
    pretraining = study()
    regimes, six = pretraining.factors
    space = Space(factors=(regimes, Factor(name=six.name, levels=six.levels[:architectures])))
    return Plan(
        space=space,
        base=pretraining.base().with_fields({"epochs": EPOCHS, "pretraining.epochs": stage_epochs, "seed": seed}),
        prune=prune,
        rungs=(2, EPOCHS) if prune == "asha" else (EPOCHS,),
        limits=Limits(replicates=replicates),
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    slots=st.integers(1, 6),
    replicates=st.integers(1, 2),
    prune=st.sampled_from(["none", "asha"]),
    crashes=st.integers(0, 3),
)
def test_every_stage_is_trained_once_and_before_what_begins_with_it(
    seed: int, slots: int, replicates: int, prune: str, crashes: int
) -> None:
    cluster = Cluster(make_plan(replicates=replicates, prune=prune), seed, slots=slots)
    for _ in range(crashes):
        for _ in range(5):
            cluster.ask()
            if cluster.legs:
                cluster.work()
        if cluster.finished is None:
            cluster.crash()
    cluster.run()
    history = cluster.history
    epochs = Counter((e.trial_key, e.epoch) for e in cluster.events if isinstance(e, EpochMeasured))
    assert set(epochs.values()) == {1}
    # Two architectures, three regimes: an architecture's synthetic arm is the stage of its synthetic_then_real arm.
    assert history.arm_trials == len(history.trials) == 6 * replicates
    done: set[str] = set()
    for event in cluster.events:
        if isinstance(event, LegEnded) and event.outcome == "complete":
            done.add(event.trial_key)
        elif isinstance(event, LegStarted):
            stage = history.trials[event.trial_key].plan.stage
            assert stage is None or stage in done, "it began before its stage was there"
    stages = {view.plan.stage for view in history.by_number} - {None}
    assert len(stages) == 2 * replicates
    assert all(history.trials[stage].status is Status.COMPLETE for stage in stages if stage)
    assert all(view.role == "arm" for view in history.by_number)


def test_fewer_epochs_than_without_a_store() -> None:
    cluster = Cluster(make_plan(architectures=6), 0)
    cluster.run()
    naive = 6 * (EPOCHS + EPOCHS + 2 * EPOCHS)
    assert cluster.history.epochs_done == 6 * 3 * EPOCHS
    assert cluster.history.epochs_done / naive == pytest.approx(0.75)


def test_a_stage_with_other_epochs_is_a_separate_trial() -> None:
    cluster = Cluster(make_plan(stage_epochs=3), 1)
    cluster.run()
    roles = Counter(view.role for view in cluster.history.by_number)
    assert roles == {"arm": 6, "stage": 2}
    assert {view.epochs_done for view in cluster.history.by_number if view.role == "stage"} == {3}
    assert cluster.history.arm_trials == 6


def test_a_stage_is_no_rival_of_the_arms() -> None:
    cluster = Cluster(make_plan(stage_epochs=3, prune="asha"), 2)
    cluster.run()
    stages = {view.key for view in cluster.history.by_number if view.role == "stage"}
    assert not any(key in stages for rungs in cluster.history.rungs.values() for _, _, key in rungs["plateau"].waiting)


def first_dependent(cluster: Cluster) -> str:
    """Ask, without working, until a trial waits for its stage; return its key."""
    for _ in range(20):
        step = next_leg(cluster.plan, cluster.history)
        if isinstance(step, Record):
            cluster.record(*step.events)
            return next(iter(cluster.history.stages.waiting))
        cluster.ask()
    raise AssertionError("no trial has a stage")


def test_nobody_waits_in_a_slot() -> None:
    cluster = Cluster(make_plan(), 0, slots=10)
    steps = [cluster.ask() for _ in range(10)]
    legs = [step for step in steps if isinstance(step, Leg)]
    # Two synthetic and two real arms run; the two that need a stage are planned and hold no slot.
    assert len(legs) == 4
    assert isinstance(steps[-1], Wait)
    assert sum(view.status is Status.PLANNED for view in cluster.history.by_number) == 2


def test_what_needs_a_failed_stage_fails_with_its_reason() -> None:
    cluster = Cluster(make_plan(stage_epochs=3), 0)
    stage = first_dependent(cluster)
    for _ in range(20):
        if stage in cluster.legs:
            break
        cluster.ask()
    cluster.record(LegEnded(trial_key=stage, attempt=1, outcome="failed", epoch=0, at=9.0, error="no disk"))
    del cluster.legs[stage]
    cluster.run()
    failed = [view for view in cluster.history.by_number if view.status is Status.FAILED and view.key != stage]
    assert [view.plan.stage for view in failed] == [stage]
    assert failed[0].error == f"its pretraining [{cluster.history.trials[stage].plan.number}] ended as FAILED: no disk"
    assert cluster.history.statuses[Status.COMPLETE] == 6


def test_what_failed_with_its_stage_waits_for_it_when_both_are_tried_again() -> None:
    cluster = Cluster(make_plan(stage_epochs=3), 0)
    stage = first_dependent(cluster)
    while stage not in cluster.legs:
        cluster.ask()
    cluster.record(LegEnded(trial_key=stage, attempt=1, outcome="failed", epoch=0, at=9.0, error="no disk"))
    del cluster.legs[stage]
    cluster.run()
    failed = [view.key for view in cluster.history.by_number if view.status is Status.FAILED]
    assert len(failed) == 2
    cluster.record(*(Retried(trial_key=key, at=10.0) for key in failed))
    cluster.finished = None
    retried = len(cluster.events)
    cluster.run()
    assert cluster.history.statuses[Status.COMPLETE] == len(cluster.history.trials) == 8
    started = [event.trial_key for event in cluster.events[retried:] if isinstance(event, LegStarted)]
    assert started == [stage, *(key for key in failed if key != stage)]


def test_a_stage_of_a_shared_store_is_not_trained() -> None:
    cluster = Cluster(make_plan(stage_epochs=3), 0)
    stage = first_dependent(cluster)
    cluster.record(StageFound(stage=stage, path="/stages/x", seconds=12.5, at=1.0))
    cluster.run()
    assert stage not in cluster.history.trials
    assert cluster.history.statuses[Status.COMPLETE] == 7


def test_a_stage_that_another_sweep_trains_is_waited_for() -> None:
    plan = make_plan(architectures=1, stage_epochs=3)
    cluster = Cluster(plan, 0)
    stage = first_dependent(cluster)
    assert stage not in cluster.legs
    cluster.record(StageHeld(stage=stage, by="other sweep", at=1.0))
    for _ in range(200):
        cluster.ask()
        if cluster.legs:
            cluster.work()
    assert cluster.finished is None
    assert isinstance(next_leg(plan, cluster.history), Wait)
    cluster.record(StageHeld(stage=stage, by=None, at=2.0))
    cluster.run()
    assert cluster.history.trials[stage].status is Status.COMPLETE


def test_the_key_of_a_stage() -> None:
    plan = make_plan(stage_epochs=EPOCHS)
    config = plan.space.config(plan.base, plan.space.cell(2 * 2), seed=3)
    assert config.stage is not None
    assert config.stage.data.generations == ("2", "3", "4", "5", "6")
    assert not config.stage.data.real
    assert stage_key(config, EPOCHS) == trial_key(config.stage)
    assert stage_key(config, EPOCHS + 1) != trial_key(config.stage)
    other_seed = config.with_fields({"seed": 4})
    assert stage_key(other_seed, EPOCHS) != stage_key(config, EPOCHS)
    assert stage_key(plan.base, EPOCHS) is None


@pytest.mark.parametrize("limits", [Limits(), Limits(epochs=54), Limits(hours=0.01)])
def test_a_confirmation_trains_every_arm_with_the_same_fresh_seeds(limits: Limits) -> None:
    plan = make_plan()
    cluster = Cluster(plan, 5)
    cluster.run()
    # The limits of the search are used up; they do not bind a confirmation.
    plan = dataclasses.replace(plan, limits=limits)
    cells = (plan.space.cell(0), plan.space.cell(5))
    cluster.finished = None
    cluster.plan = dataclasses.replace(plan, confirmation=Confirmation(cells=cells, replicates=3))
    cluster.run()
    confirmed = [view for view in cluster.history.by_number if view.role == "confirmation"]
    seeds = defaultdict(set)
    for view in confirmed:
        assert view.status is Status.COMPLETE
        seeds[view.plan.arm_key].add(view.plan.config["seed"])
    assert len(seeds) == 2
    assert len(set(map(frozenset, seeds.values()))) == 1
    searched = {view.plan.config["seed"] for view in cluster.history.by_number if view.role == "arm"}
    assert not searched & next(iter(seeds.values()))
    assert cluster.history.arm_trials == 6


@pytest.mark.parametrize("seed", range(8))
def test_an_adopted_stage_has_the_cell_of_its_configuration(seed: int) -> None:
    cluster = Cluster(make_plan(replicates=2, seed=seed), seed, slots=2)
    cluster.run()
    for view in cluster.history.trials.values():
        synthetic = not view.plan.config["data"]["real"]
        assert (view.plan.cell["regime"] == "synthetic") == synthetic
    cells = Counter((*view.plan.cell.values(), view.plan.replicate) for view in cluster.history.trials.values())
    assert set(cells.values()) == {1} and len(cells) == 12


def test_an_adoption_is_written_down() -> None:
    # A stage that was trained for another trial becomes the arm that trains on the same images.
    for seed in range(50):
        cluster = Cluster(make_plan(replicates=2, seed=seed), seed, slots=2)
        cluster.run()
        adopted = [event for event in cluster.events if isinstance(event, Adopted)]
        planned = [event for event in cluster.events if isinstance(event, Planned) and event.role == "stage"]
        assert {event.trial_key for event in adopted} == {event.trial_key for event in planned}
        if adopted:
            return
    raise AssertionError("the design never reached the pretrained arm first")


def test_records_are_never_empty() -> None:
    cluster = Cluster(make_plan(), 0)
    step = next_leg(cluster.plan, cluster.history)
    assert not isinstance(step, Record) or step.events
