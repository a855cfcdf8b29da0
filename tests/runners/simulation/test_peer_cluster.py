"""Peers on virtual workers."""

from __future__ import annotations

import pytest

from runners.simulation.peers.cluster import PeerCluster
from runners.simulation.peers.tools import PEERS, RayTune
from runners.simulation.synthetic import family_world
from search_spaces.space import Cell
from tests.runners.simulation.installed_peers import INSTALLED_PEERS
from tests.runners.simulation.small_world import EPOCHS, EVERY_CURVE, SmallWorld


class Everything:
    """A peer that goes through some cells and stops nothing."""

    def __init__(self, cells: list[Cell], *, ahead: int = 0) -> None:
        self.cells, self.ahead = cells, ahead
        self.log: list[tuple[str, int]] = []

    def suggest(self) -> tuple[int, Cell] | None:
        number = sum(what == "suggest" for what, _ in self.log)
        if number == len(self.cells):
            return None
        self.log.append(("suggest", number))
        return number, self.cells[number]

    def report(self, number: int, epoch: int, score: float) -> bool:
        self.log.append((f"{epoch}: {score:.2f}", number))
        return epoch < EPOCHS

    def ended(self, number: int, failed: bool) -> None:
        self.log.append(("failed" if failed else "ended", number))

    def recommend(self) -> Cell | None:
        return self.cells[0]


SMALL, LARGE = {"encoder": "resnet18", "decoder": "fpn"}, {"encoder": "resnet50", "decoder": "fpn"}


def test_time_and_cost_are_those_of_the_world() -> None:
    peer = Everything([SMALL, LARGE])
    cluster = PeerCluster(peer, SmallWorld(), workers=2, seed=0)
    cluster.run(3.0)
    assert peer.log == [
        *(("suggest", 0), ("suggest", 1)),
        *(("1: 0.11", 0), ("2: 0.22", 0), ("1: 0.15", 1), ("3: 0.33", 0)),
    ], "an epoch takes half an hour of the small one and one and a half of the large one; equal times in turn"
    assert (cluster.spent, cluster.now, cluster.trials, cluster.epochs) == (3.0, 1.5, 2, 4)
    cluster.run()
    assert (cluster.spent, cluster.now) == (5 * 0.5 + 5 * 1.5, 7.5)
    assert peer.log[-1] == ("ended", 1)
    assert cluster.recommend() == SMALL


def test_a_repeated_cell_is_another_replicate() -> None:
    world = SmallWorld()
    PeerCluster(Everything([SMALL, LARGE, SMALL]), world, workers=1, seed=0).run()
    assert world.trained == [("resnet18", "fpn", 0), ("resnet50", "fpn", 0), ("resnet18", "fpn", 1)]


@pytest.mark.parametrize(("ahead", "suggestions"), [(0, 2), (1, 3)])
def test_a_peer_suggests_ahead_as_far_as_it_wants(ahead: int, suggestions: int) -> None:
    peer = Everything([SMALL, SMALL, LARGE, LARGE], ahead=ahead)
    world = SmallWorld()
    cluster = PeerCluster(peer, world, workers=2, seed=0)
    cluster.run(0.1)
    assert [what for what, _ in peer.log].count("suggest") == suggestions
    assert len(world.trained) == 2
    cluster.run()
    assert len(world.trained) == 4


def test_a_trial_that_loses_its_worker_has_failed() -> None:
    peer = Everything([SMALL, LARGE])
    cluster = PeerCluster(peer, SmallWorld(), workers=1, seed=0, failures=1.0)
    cluster.run()
    assert peer.log == [("suggest", 0), ("failed", 0), ("suggest", 1), ("failed", 1)]
    assert cluster.spent == 0.0


def test_stragglers_take_three_times_as_long_and_cost_the_same() -> None:
    cluster = PeerCluster(Everything([LARGE]), SmallWorld(), workers=1, seed=0, stragglers=1.0)
    cluster.run()
    assert (cluster.spent, cluster.now) == (7.5, 22.5)


@pytest.mark.parametrize("name", INSTALLED_PEERS)
@pytest.mark.parametrize("failures", [0.0, 0.2])
def test_every_curve_of_a_limited_world_is_trained_once_and_nothing_else(name: str, failures: float) -> None:
    world = SmallWorld()
    cluster = PeerCluster(PEERS[name](world, 3), world, workers=3, seed=3, failures=failures)
    cluster.run()
    assert sorted(world.trained) == EVERY_CURVE
    recommended = cluster.recommend()
    assert recommended is not None and world.space.excluded(recommended) is None


@pytest.mark.parametrize("name", INSTALLED_PEERS)
def test_the_budget_is_respected_and_can_be_raised(name: str) -> None:
    world = family_world("arch:slow", 1)
    once = PeerCluster(PEERS[name](world, 1), world, workers=4, seed=1, failures=0.02, stragglers=0.1)
    once.run(120.0)
    assert 120.0 <= once.spent < 120.0 + max(world.cost(cell) for cell in world.space.cells())
    twice, watched = PeerCluster(PEERS[name](world, 1), world, workers=4, seed=1, failures=0.02, stragglers=0.1), []
    twice.run(60.0, lambda: watched.append(twice.spent))
    assert watched[-2] < 60.0 <= watched[-1]
    twice.run(120.0)
    assert (twice.spent, twice.now, twice.recommend()) == (once.spent, once.now, once.recommend())


def test_nothing_is_recommended_where_every_trial_fails_at_once() -> None:
    world = SmallWorld()
    cluster = PeerCluster(RayTune(world, 0), world, workers=2, seed=0, failures=1.0)
    cluster.run()
    assert cluster.recommend() is None and len(world.trained) == 10
