"""Syne Tune as a peer: the results that its scheduler receives, the recommendation, and its private random state."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runners.simulation.peers.tools import PEERS
from runners.simulation.synthetic import family_world
from tests.runners.simulation.small_world import SmallWorld, all_suggested

pytest.importorskip("syne_tune", reason="pip install --constraint constraints.txt 'seatbelt[peers]'")

NAMES = ["syne-tune-asha", "syne-tune-bohb"]


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_that_is_not_among_the_best_third_at_a_rung_stops(name: str) -> None:
    peer = PEERS[name](family_world("arch:slow", 0), 0)
    numbers = [peer.suggest()[0] for _ in range(4)]
    assert peer.report(numbers[0], 1, 0.5), "the first at a rung goes on"
    assert not peer.report(numbers[1], 1, 0.4)
    assert peer.report(numbers[2], 1, 0.6)
    assert peer.report(numbers[0], 2, 0.1), "two epochs are no rung"
    assert peer.report(numbers[0], 3, 0.1)
    assert not peer.report(numbers[2], 27, 0.7), "the last epoch ends it"


@pytest.mark.parametrize("name", NAMES)
def test_the_highest_score_of_any_epoch_is_recommended(name: str) -> None:
    peer = PEERS[name](family_world("arch:slow", 0), 3)
    assert peer.recommend() is None
    first, first_cell = peer.suggest()  # type: ignore[misc]
    second, second_cell = peer.suggest()  # type: ignore[misc]
    assert first_cell != second_cell
    peer.report(second, 1, math.nan)
    assert peer.recommend() is None
    peer.report(first, 1, 0.5)
    peer.report(first, 2, 0.1)
    assert peer.recommend() == first_cell
    peer.report(second, 2, 0.6)
    peer.ended(second, failed=True)
    assert peer.recommend() == second_cell


@pytest.mark.parametrize("name", NAMES)
def test_the_scheduler_learns_the_cell_that_was_trained_instead(name: str) -> None:
    world = SmallWorld()
    peer = PEERS[name](world, 0)
    trained = dict(all_suggested(peer, world))
    assert dict(peer._scheduler.searcher.trial_configs) == trained  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_from_a_private_random_state(name: str) -> None:
    def suggested(disturbed: bool) -> list[object]:
        peer, cells = PEERS[name](family_world("arch:noisy", 0), 4), []
        for _ in range(30):
            if disturbed:
                np.random.random()
            number, cell = peer.suggest()  # type: ignore[misc]
            peer.report(number, 27, 0.1 * (number % 7))
            cells.append(cell)
        return cells

    np.random.seed(1)
    expected = np.random.RandomState(1).random()
    undisturbed = suggested(disturbed=False)
    assert np.random.random() == expected, "nor does it take from the draws of others"
    assert suggested(disturbed=True) == undisturbed
