"""Streaks, rungs and stages, one change at a time."""

from __future__ import annotations

import dataclasses

import pytest

from runners.core.plan import EXCUSED_RETRIES, LOST_RETRIES, outcome_of_error
from runners.core.trial_state import FailureStreak, FaultStreak, RungState, StageStates, TrialState, score_at
from seatbelt.records.tables import Status
from tests.runners.conftest import planned_trial
from tests.runners.core.test_plan import make_plan


def state(key: str, *scores: float, number: int = 0, status: Status = Status.RUNNING) -> TrialState:
    planned = planned_trial(key, number, exempt=False)
    return TrialState(plan=planned, scores=list(scores), status=status)


def test_a_streak_of_faults_lasts_from_its_first_to_its_last() -> None:
    streak = FaultStreak().longer(5.0, "a disk is full").longer(9.0, None).longer(12.0, "no GPU")
    assert streak == FaultStreak(count=3, since=5.0, until=12.0, error="no GPU")


@pytest.mark.parametrize(
    ("count", "seconds", "is_long"), [(3, 7.0, True), (2, 6.0, True), (4, 7.0, False), (3, 7.5, False), (4, 9.0, False)]
)
def test_a_streak_of_faults_is_long_by_number_and_by_time(count: int, seconds: float, is_long: bool) -> None:
    assert FaultStreak(count=3, since=5.0, until=12.0).is_long(count, seconds) is is_long


def test_a_streak_of_failures_counts_one_error_only() -> None:
    twice = FailureStreak().longer("no file").longer("no file")
    assert twice == FailureStreak(count=2, error="no file")
    over = twice.longer("another")
    assert over == FailureStreak(is_over=True)
    assert over.longer("another") == over


def test_a_rung_ranks_by_score_then_by_number() -> None:
    rung = RungState()
    states = [state("a", 0.1, 0.3, 0.9, number=2), state("b", 0.4, number=1), state("c", 0.3, number=0)]
    for view in states:
        rung.arrive(view, 2)
    assert [key for _, _, key in rung.waiting] == ["b", "c", "a"], "only the first two epochs count"
    assert (rung.ranking, rung.reached) == ([-0.4, -0.3, -0.3], 3)
    rung.leave(states[1], 2)
    assert [key for _, _, key in rung.waiting] == ["c", "a"]
    assert (rung.promoted, rung.reached) == (1, 3)
    rung.leave(states[1], 2)
    assert (len(rung.waiting), rung.promoted) == (2, 1), "who is not there cannot leave"
    rung.leave(state("d", 0.0, number=9), 2)
    assert (len(rung.waiting), rung.promoted) == (2, 1)
    rung.leave(states[0], 2)
    assert ([key for _, _, key in rung.waiting], rung.promoted) == (["c"], 2)


def test_the_score_at_an_epoch_is_the_best_until_then() -> None:
    assert score_at(state("a", 0.1, 0.3, 0.2, 0.9), 3) == 0.3


def test_trials_wait_for_their_stage_in_order() -> None:
    stages = StageStates()
    assert not stages.ask("s", "a", None)
    assert not stages.ask("s", "b", None)
    assert (stages.waiting, stages.first_user, stages.failed) == ({"s": ["a", "b"]}, {"s": "a"}, set())
    assert stages.to_train({}) == "s"
    assert stages.to_train({"s": state("s")}) is None
    stages.held["s"] = "another sweep"
    assert stages.to_train({}) is None
    assert stages.make_ready("s") == ["a", "b"]
    assert (stages.waiting, stages.held, stages.ready) == ({}, {}, {"s"})
    assert stages.ask("s", "c", None)
    assert (stages.waiting, stages.first_user) == ({}, {"s": "a"})
    assert stages.make_ready("other") == []


def test_a_stage_that_another_trial_is_has_no_first_user() -> None:
    stages = StageStates()
    assert not stages.ask("s", "a", state("s"))
    assert (stages.first_user, stages.failed) == ({}, set())
    stages.ready.add("t")
    assert stages.ask("t", "a", None)
    assert stages.first_user == {}


@pytest.mark.parametrize("status", [Status.FAILED, Status.DIVERGED])
def test_a_stage_that_ended_already_has_failed_whoever_asks(status: Status) -> None:
    stages = StageStates()
    assert not stages.ask("s", "a", state("s", status=status))
    assert stages.failed == {"s"}


def test_a_stage_that_nobody_waits_for_has_not_failed() -> None:
    stages = StageStates()
    for trial in ("a", "b"):
        stages.ask("s", trial, state("s", status=Status.FAILED))
    stages.give_up("s", "a")
    assert (stages.waiting, stages.failed) == ({"s": ["b"]}, {"s"})
    stages.give_up("s", "unknown")
    assert (stages.waiting, stages.failed) == ({"s": ["b"]}, {"s"})
    stages.give_up("s", "b")
    assert (stages.waiting, stages.failed) == ({}, set())
    stages.give_up("s", "b")
    assert (stages.waiting, stages.failed) == ({}, set())


def test_a_stage_that_failed_here_but_exists_elsewhere_is_ready() -> None:
    stages = StageStates()
    stages.ask("s", "a", state("s", status=Status.FAILED))
    assert stages.make_ready("s") == ["a"]
    assert (stages.failed, stages.ready) == (set(), {"s"})


@pytest.mark.parametrize(
    ("kind", "options", "counts", "outcome"),
    [
        ("error", {}, {"failures": 1}, "error"),
        ("error", {}, {"failures": 2}, "failed"),
        ("error", {"final": True}, {}, "failed"),
        ("lost", {}, {"losses": LOST_RETRIES - 1}, "lost"),
        ("fault", {}, {"losses": LOST_RETRIES - 1}, "fault"),
        ("lost", {}, {"losses": LOST_RETRIES}, "failed"),
        ("fault", {"excused": True}, {"losses": LOST_RETRIES}, "fault"),
        ("lost", {"excused": True}, {"losses": EXCUSED_RETRIES}, "failed"),
        ("lost", {"final": True}, {"failures": 9}, "lost"),
    ],
)
def test_errors_are_retried_twice_and_losses_often(
    kind: str, options: dict[str, bool], counts: dict[str, int], outcome: str
) -> None:
    view = dataclasses.replace(state("a"), **counts)
    assert outcome_of_error(make_plan(), view, kind, **options) == outcome
