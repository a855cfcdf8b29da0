"""Successive halving of the stopping kind, worked out by hand."""

from __future__ import annotations

import math

import pytest

from runners.simulation.peers.stopping import StoppingHalving


def test_a_trial_continues_if_it_is_not_below_the_upper_quartile_of_those_before_it() -> None:
    halving = StoppingHalving(27)
    assert halving.continues(0, 1, 0.50), "nothing to compare with"
    assert not halving.continues(1, 1, 0.40), "below 0.50"
    assert halving.continues(2, 1, 0.60), "75 % of 0.40, 0.50 lie below 0.475"
    assert halving.continues(3, 1, 0.55), "the quartile of 0.40, 0.50, 0.60 is 0.55: equal is enough"
    assert not halving.continues(4, 1, 0.56), "the quartile of 0.40, 0.50, 0.55, 0.60 is 0.5625"


def test_milestones_are_powers_of_the_factor() -> None:
    halving = StoppingHalving(27)
    assert [epoch for epoch in range(1, 28) if not halving.continues(0, epoch, 0.9)] == [27], "the last epoch ends all"
    assert [epoch for epoch in range(1, 28) if not halving.continues(1, epoch, 0.1)] == [1, 4, 16, 27]


def test_a_score_counts_at_the_highest_milestone_where_the_trial_is_not_recorded() -> None:
    halving = StoppingHalving(27)
    assert halving.continues(0, 5, 0.9), "recorded at 4, not at 1"
    assert halving.continues(1, 1, 0.1), "nobody is recorded at 1"
    assert not halving.continues(1, 4, 0.2), "the first is, at 4"
    assert halving.continues(0, 6, 0.5), "recorded at 1 now: above 0.1"
    assert not halving.continues(2, 1, 0.3), "the quartile of 0.1, 0.5 is 0.4"


def test_scores_that_are_no_numbers_stop_nothing_and_do_not_count() -> None:
    halving = StoppingHalving(27)
    assert halving.continues(0, 1, math.nan)
    assert halving.continues(1, 1, 0.2), "there is no number to compare with"
    assert halving.continues(2, 1, math.nan), "no number is below nothing"
    assert not halving.continues(3, 1, 0.1), "below 0.2, the only number"


@pytest.mark.parametrize(("epochs", "milestones"), [(1, []), (3, [1]), (4, [1]), (5, [1, 4]), (64, [1, 4, 16])])
def test_a_milestone_at_the_last_epoch_is_no_matter(epochs: int, milestones: list[int]) -> None:
    halving = StoppingHalving(epochs)
    for epoch in range(1, epochs + 1):
        halving.continues(0, epoch, 0.9)
    assert [e for e in range(1, epochs + 1) if not halving.continues(1, e, 0.1)] == [*milestones, epochs]
