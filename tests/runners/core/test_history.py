"""The history after single events."""

from __future__ import annotations

import dataclasses

from runners.core.events import Adopted, EpochMeasured, LegEnded, LegStarted, Planned
from runners.core.history import History
from seatbelt.records.tables import Status
from tests.runners.conftest import planned_trial


def trial(key: str, number: int = 0) -> list[Planned | LegStarted]:
    return [planned_trial(key, number), LegStarted(trial_key=key, attempt=1, start=0, stop=9, at=0.0)]


def epoch(key: str, number: int, score: float) -> EpochMeasured:
    return EpochMeasured(
        trial_key=key, attempt=1, epoch=number, score=score, metrics={"epoch": number}, at=float(number)
    )


def test_of_equal_scores_the_first_epoch_is_the_best() -> None:
    history = History([*trial("a"), epoch("a", 1, 0.4), epoch("a", 2, 0.5), epoch("a", 3, 0.5), epoch("a", 4, 0.3)])
    view = history.trials["a"]
    assert (view.best_epoch, view.best_score, view.best_metrics) == (2, 0.5, {"epoch": 2})


def test_of_equal_scores_the_first_trial_is_the_best() -> None:
    history = History([*trial("a"), *trial("b", 1), epoch("a", 1, 0.5), epoch("b", 1, 0.5)])
    assert history.best == (0.5, "a")
    history.apply(epoch("b", 2, 0.6))
    assert history.best == (0.6, "b")


def test_failures_with_the_same_error_count_until_a_trial_ends_otherwise() -> None:
    def failed(key: str, error: str) -> LegEnded:
        return LegEnded(trial_key=key, attempt=1, outcome="failed", epoch=0, error=error, at=1.0)

    history = History([*trial("a"), failed("a", "no file 17"), *trial("b", 1), failed("b", "no file 4")])
    assert (history.failures.count, history.failures.error) == (2, "no file #"), "numbers do not tell errors apart"
    history.apply(trial("c", 2)[0])
    history.apply(failed("c", "another error"))
    assert (history.failures.count, history.failures.is_over) == (0, True)
    history.apply(trial("d", 3)[0])
    history.apply(failed("d", "another error"))
    assert history.failures.count == 0
    assert history.statuses[Status.FAILED] == 4


def test_numbers_and_addresses_do_not_tell_errors_apart() -> None:
    def failed(error: str | None) -> LegEnded:
        return LegEnded(trial_key="a", attempt=1, outcome="failed", epoch=0, error=error, at=1.0)

    texts = {"object at 0x7fa3 of 12 items": "object at # of # items", "no 0xyz": "no #xyz", None: "unknown"}
    for error, text in texts.items():
        assert History([*trial("a"), failed(error)]).failures.error == text


def test_only_the_next_epoch_of_a_trial_is_new() -> None:
    history = History([*trial("a"), epoch("a", 1, 0.4)])
    assert [history.is_new_epoch("a", number) for number in (0, 1, 2, 3)] == [False, False, True, False]


def test_a_stage_that_becomes_an_arm_has_that_arms_cell() -> None:
    history = History([dataclasses.replace(trial("s")[0], role="stage", cell={"user": "x"}, arm_key="arm")])
    assert (history.arm_trials, history.arms) == (0, {})
    history.apply(Adopted(trial_key="s", cell={"encoder": "y"}, replicate=2, position=7, by="exhaustive", at=1.0))
    view = history.trials["s"]
    assert (view.role, view.plan.cell, view.plan.replicate, view.plan.trial_key) == ("arm", {"encoder": "y"}, 2, "s")
    assert (history.arm_trials, history.arms, history.next_position) == (1, {"arm": 1}, 8)
