"""Why a sweep ends, and whether its certainty rests on measured noise."""

from __future__ import annotations

import dataclasses

import pytest

from runners.core.events import CertaintyJudged, Decided, EpochMeasured, Event, LegEnded, LegStarted, Planned
from runners.core.history import History
from runners.core.plan import Confirmation, Finished, Limits
from runners.core.stopping import (
    as_measured,
    broken_reason,
    certain_reason,
    certain_text,
    end_reason,
    finished,
    first_without_success,
    is_certain,
    no_success,
    no_success_text,
    noise_is_measured,
)
from tests.runners.core.test_plan import make_plan

JUDGED = CertaintyJudged(
    cell={"encoder": "resnet18"},
    within=0.01,
    probability=0.93,
    rival={"encoder": "resnet34"},
    more=3,
    trials=9,
    at=1.0,
)


def trial(
    key: str, arm: str, outcome: str, *, number: int = 0, role: str = "arm", error: str | None = None
) -> list[Event]:
    planned = Planned(
        trial_key=key,
        arm_key=arm,
        number=number,
        position=0,
        cell={"encoder": arm},
        replicate=0,
        config={},
        exempt=True,
        by="exhaustive",
        at=0.0,
        role=role,
    )
    return [
        planned,
        LegStarted(trial_key=key, attempt=1, start=0, stop=9, at=0.0),
        LegEnded(trial_key=key, attempt=1, outcome=outcome, epoch=0, at=1.0, error=error, test={"iou": 0.5}),
    ]


def history(*trials: list[Event]) -> History:
    return History([event for events in trials for event in events])


def pairs(*outcomes: str, role: str = "arm") -> History:
    """Trials of the arms a, a, b, b."""
    trials = zip("aabb", outcomes, strict=False)
    return history(*(trial(f"{arm}{n}", arm, outcome, number=n, role=role) for n, (arm, outcome) in enumerate(trials)))


@pytest.mark.parametrize(
    ("recorded", "measured"),
    [
        (pairs("complete", "complete", "complete", "complete"), True),
        (pairs("complete", "complete", "complete", "interrupted"), False),
        (pairs("complete", "complete", "complete"), False),
        (pairs("interrupted", "interrupted", "interrupted", "interrupted"), False),
        (pairs("complete", "complete", "complete", "complete", role="confirmation"), False),
    ],
)
def test_noise_is_measured_by_two_arms_with_two_complete_trials(recorded: History, *, measured: bool) -> None:
    assert noise_is_measured(recorded) is measured
    reported = as_measured(JUDGED, recorded)
    unmeasured = dataclasses.replace(JUDGED, probability=None, rival=None, more=None)
    assert reported == (JUDGED if measured else unmeasured)
    text = "encoder=resnet18 is within 0.01 of the best with probability 0.93"
    guessed = " by the model, which guesses the noise between replicates: no two arms have two complete trials"
    assert certain_reason(JUDGED, recorded) == (text if measured else text + guessed)
    unknown = "the noise between replicates is unknown, so that there is no probability that "
    assert certain_text(unmeasured) == unknown + "encoder=resnet18 is within 0.01 of the best"


@pytest.mark.parametrize(
    ("until", "sure", "judged", "certain"),
    [
        (0.01, 0.9, JUDGED, True),
        (0.01, 0.93, JUDGED, True),
        (0.01, 0.94, JUDGED, False),
        (0.02, 0.9, JUDGED, False),
        (None, 0.9, JUDGED, False),
        (0.01, 0.9, None, False),
        (None, 0.9, None, False),
        (0.01, 0.9, dataclasses.replace(JUDGED, probability=None), False),
    ],
)
def test_a_sweep_is_certain_at_the_limits_of_its_plan(
    until: float | None, sure: float, judged: CertaintyJudged | None, *, certain: bool
) -> None:
    plan = make_plan(limits=Limits(until=until, sure=sure))
    recorded = history([judged] if judged else [])
    assert is_certain(plan, recorded) is certain
    confirming = dataclasses.replace(plan, confirmation=Confirmation(cells=(), replicates=1))
    assert not is_certain(confirming, recorded)


def paused(key: str, score: float, number: int) -> list[Event]:
    planned, started, _ = trial(key, key, "complete", number=number)
    measured = [
        EpochMeasured(trial_key=key, attempt=1, epoch=epoch, score=score, metrics={}, at=1.0) for epoch in (1, 2, 3)
    ]
    ended = LegEnded(trial_key=key, attempt=1, outcome="paused", epoch=3, at=1.0)
    return [dataclasses.replace(planned, exempt=False), started, *measured, ended]


def test_trials_that_wait_when_a_sweep_ends_are_pruned_with_their_rank() -> None:
    recorded = history(paused("a", 0.1, 0), paused("b", 0.3, 1), paused("c", 0.2, 2))
    plan = make_plan()
    decided = Decided(
        kind="prune",
        by="asha",
        trial_key="b",
        epoch=3,
        score=0.3,
        rank=1,
        compared=3,
        allowed=1,
        reason="not among the best at epoch 3 when the sweep ended",
    )
    last = {"a": (0.1, 3), "b": (0.3, 1), "c": (0.2, 2)}
    pruned = tuple(
        dataclasses.replace(decided, trial_key=key, score=last[key][0], rank=last[key][1]) for key in ("b", "c", "a")
    )
    assert finished(plan, recorded, "why") == Finished(reason="why", pruned=pruned)
    recorded.apply(LegStarted(trial_key="b", attempt=2, start=3, stop=9, at=2.0))
    assert [event.trial_key for event in finished(plan, recorded, "why").pruned] == ["c", "a"]
    confirming = dataclasses.replace(plan, confirmation=Confirmation(cells=(), replicates=1))
    assert finished(confirming, recorded, "why") == Finished(reason="why")
    unpruned = make_plan(prune="none")
    assert finished(unpruned, recorded, "why") == Finished(reason="why"), "the last rung prunes nobody"


def test_the_reason_says_which_limit_is_reached() -> None:
    recorded = history(trial("a", "a", "complete"))
    assert end_reason(make_plan(), recorded) == "every arm has its trials"
    random = make_plan(propose="random", limits=Limits(trials=2))
    assert end_reason(random, recorded) == "nothing is left to run"
    assert end_reason(make_plan(limits=Limits(trials=1)), recorded) == "the limit of --trials is reached"
    for prune, rung in (("asha", 3), ("none", 9)):
        for left, reached in ((rung - 1, True), (rung, False)):
            plan = make_plan(prune=prune, limits=Limits(epochs=left))
            assert (end_reason(plan, recorded) == "the limit of --epochs is reached") is reached
    confirming = dataclasses.replace(random, confirmation=Confirmation(cells=(), replicates=1))
    assert end_reason(confirming, recorded) == "every arm is confirmed"


def test_the_first_error_is_why_a_sweep_is_broken() -> None:
    recorded = history(
        trial("a", "a", "diverged"),
        trial("b", "b", "failed", number=1, error="no file 1"),
        trial("c", "b", "failed", number=2, error="no file 2"),
    )
    assert broken_reason(history(trial("b", "b", "failed", error="no file 1"))) == (
        "its first 1 trial failed with the same error: no file 1; mend it, then `seatbelt resume --retry failed`"
    )
    assert "the same error: no file 1;" in broken_reason(recorded)


@pytest.mark.parametrize(
    ("outcome", "error", "text"),
    [
        (
            "failed",
            "no disk",
            "(1 FAILED); the first, [4] x: no disk; mend that, then `seatbelt resume 's w' --retry failed`",
        ),
        (
            "failed",
            None,
            "(1 FAILED); the first, [4] x: no reason was recorded; mend that, then `seatbelt resume 's w' "
            "--retry failed`",
        ),
        (
            "diverged",
            None,
            "(1 DIVERGED); the first, [4] x: the loss was not finite in epoch 0; launch it again with lower "
            "--fix encoder_learning_rate= and --fix decoder_learning_rate=, under another --name",
        ),
        (
            "out_of_memory",
            "8 GiB",
            "(1 OUT_OF_MEMORY); the first, [4] x: 8 GiB; launch it again with a smaller "
            "--size or --fix batch_size=, under another --name, or run `seatbelt resume 's w' --retry out-of-memory` "
            "where there is more memory",
        ),
    ],
)
def test_a_sweep_without_results_says_what_to_do(outcome: str, error: str | None, text: str) -> None:
    recorded = history(trial("k", "x", outcome, number=4, error=error))
    assert no_success(recorded)
    assert first_without_success(recorded).key == "k"
    assert no_success_text(recorded, "'s w'") == f"no trial has a result {text}"


def test_one_result_is_a_success_and_what_has_not_ended_is_none() -> None:
    failed, planned = trial("a", "a", "failed"), trial("b", "b", "failed", number=1)[:1]
    assert no_success(history(failed, planned))
    assert not no_success(history(planned))
    assert not no_success(history(trial("b", "b", "interrupted", number=1)))
    assert not no_success(history(failed, trial("b", "b", "complete", number=1)))
    assert not no_success(history(failed, trial("b", "b", "failed", number=1)[:2])), "it still runs"
    two = history(failed, trial("b", "b", "failed", number=1), trial("c", "c", "diverged", number=2))
    assert "(1 DIVERGED, 2 FAILED); the first, [0]" in no_success_text(two, "s")
