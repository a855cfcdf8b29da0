"""Promotions: from the highest rung down, one for every `eta` trials, the best of those that wait."""

from __future__ import annotations

import pytest

from runners.core.halving import Promotion, allowed_promotions, check_rungs, default_rungs, next_promotion, rank
from runners.core.history import History
from runners.core.trial_state import RungState
from seatbelt.errors import UserError

RUNGS = (1, 3, 9)


def rung(*scores: float, promoted: int = 0) -> RungState:
    """Return a rung that trials with these scores reached; the first ones were promoted."""
    reached = [(-score, number, f"trial-{number}") for number, score in enumerate(scores)]
    return RungState(waiting=sorted(reached[promoted:]), ranking=sorted(-score for score in scores), promoted=promoted)


def promotion(
    rungs: dict[int, RungState], *, eta: int = 3, last_call: bool = False, affordable: int | None = None
) -> Promotion | None:
    history = History()
    history.rungs = {epoch: {"plateau": state} for epoch, state in rungs.items()}
    return next_promotion(history, RUNGS, eta, last_call=last_call, affordable=affordable)


@pytest.mark.parametrize(("epochs", "rungs"), [(9, (3, 9)), (10, (4, 10)), (50, (17, 50)), (2, (1, 2)), (1, (1,))])
def test_the_default_rung_is_a_third_of_the_epochs_rounded_up(epochs: int, rungs: tuple[int, ...]) -> None:
    assert default_rungs(epochs, 3) == rungs


@pytest.mark.parametrize(("rungs", "checked"), [((1, 3), (1, 3, 9)), ((1, 9), (1, 9)), ((9,), (9,)), ((), (9,))])
def test_the_full_epochs_are_the_last_rung(rungs: tuple[int, ...], checked: tuple[int, ...]) -> None:
    assert check_rungs(rungs, 9) == checked


@pytest.mark.parametrize("rungs", [(0, 3), (3, 10), (3, 1), (3, 3)])
def test_rungs_must_rise_within_the_epochs(rungs: tuple[int, ...]) -> None:
    text = ",".join(map(str, rungs))
    with pytest.raises(
        UserError, match=rf"^--rungs must rise from 1 to at most 9 \(the full epochs\), but got {text}$"
    ):
        check_rungs(rungs, 9)


def test_the_highest_rung_promotes_first() -> None:
    due = promotion({1: rung(0.9, 0.8, 0.7), 3: rung(0.3, 0.2, 0.1)})
    assert due == Promotion(trial_key="trial-0", rung=3, next_rung=9, score=0.3, rank=1, compared=3, allowed=1), (
        "although the lower rung has higher scores"
    )


def test_a_rung_without_a_due_promotion_passes_to_the_lower_one() -> None:
    for upper in (rung(0.3, 0.2, 0.1, promoted=1), rung(0.3, promoted=1), rung(0.3, 0.2)):
        due = promotion({1: rung(0.9, 0.8, 0.7), 3: upper})
        assert due is not None
        assert (due.rung, due.trial_key) == (1, "trial-0")
    due = promotion({1: rung(0.9, 0.8, 0.7)})
    assert due is not None and due.rung == 1, "nobody has reached the upper rung"


def test_the_best_waiting_trial_is_promoted_with_its_rank_among_all() -> None:
    state = rung(0.9, 0.5, 0.8, 0.4, 0.3, 0.2, promoted=1)
    due = promotion({3: state})
    assert due is not None
    assert (due.trial_key, due.score, due.rank, due.compared, due.allowed) == ("trial-2", 0.8, 2, 6, 2)


@pytest.mark.parametrize(
    ("reached", "last_call", "allowed"), [(2, False, 0), (2, True, 1), (3, False, 1), (7, True, 2)]
)
def test_one_in_eta_is_allowed_and_one_on_the_last_call(reached: int, last_call: bool, allowed: int) -> None:
    state = rung(*(0.1 * number for number in range(reached)))
    assert allowed_promotions(state, 3, last_call=last_call) == allowed
    due = promotion({3: state}, last_call=last_call)
    assert (due is not None) == (allowed > 0)


@pytest.mark.parametrize(("affordable", "is_due"), [(6, True), (5, False), (None, True)])
def test_a_promotion_must_be_affordable(affordable: int | None, is_due: bool) -> None:
    assert (promotion({3: rung(0.3, 0.2, 0.1)}, affordable=affordable) is not None) == is_due


def test_trials_compete_within_their_schedule() -> None:
    history = History()
    history.rungs = {3: {"plateau": rung(0.9, 0.8), "cosine": rung(0.3, 0.2, 0.1)}}
    due = next_promotion(history, RUNGS, 3, last_call=False, affordable=None)
    assert due is not None
    assert (due.score, due.rank, due.compared) == (0.3, 1, 3), "although no cosine is as good as the plateaus"


def test_equal_scores_share_a_rank() -> None:
    state = rung(0.5, 0.5, 0.4)
    assert [rank(state, score) for score in (0.6, 0.5, 0.4, 0.3)] == [1, 1, 3, 4]
