"""Peers: the results that Optuna receives, the recommendation, and the suggested cells."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from runners.simulation.peers.tools import PEERS
from runners.simulation.synthetic import family_world
from tests.runners.simulation.installed_peers import INSTALLED_PEERS
from tests.runners.simulation.small_world import EPOCHS, SmallWorld, all_suggested


@pytest.fixture
def studies(monkeypatch: pytest.MonkeyPatch) -> list[optuna.Study]:
    """Return the studies that peers create."""
    create, created = optuna.create_study, []

    def recording(**options: object) -> optuna.Study:
        created.append(create(**options))
        return created[-1]

    monkeypatch.setattr(optuna, "create_study", recording)
    return created


def test_ray_tells_optuna_that_a_stopped_trial_is_complete_with_its_last_score(studies: list[optuna.Study]) -> None:
    peer = PEERS["ray"](family_world("arch:slow", 0), 0)
    (first, _), (second, _) = peer.suggest(), peer.suggest()  # type: ignore[misc]
    assert peer.report(first, 1, 0.5) and peer.report(first, 2, 0.6)
    assert not peer.report(second, 1, 0.4)
    peer.ended(second, failed=False)
    stopped = studies[0].trials[second]
    assert (stopped.state, stopped.value) == (TrialState.COMPLETE, 0.4)
    assert stopped.intermediate_values == {}, "Ray shows the searcher no score that stops a trial before its end"
    assert studies[0].trials[first].intermediate_values == {1: 0.5, 2: 0.6}
    assert studies[0].trials[first].state is TrialState.RUNNING


def test_ray_recommends_the_best_last_score_however_short_the_trial(studies: list[optuna.Study]) -> None:
    peer = PEERS["ray"](family_world("arch:slow", 0), 0)
    assert peer.recommend() is None
    (first, first_cell), (second, second_cell) = peer.suggest(), peer.suggest()  # type: ignore[misc]
    assert first_cell != second_cell
    peer.report(first, 1, 0.5)
    assert peer.recommend() == first_cell
    peer.report(first, 2, 0.3)
    assert not peer.report(second, 1, 0.45)
    assert peer.recommend() == second_cell, "0.45 after one epoch beats 0.3 after two"
    peer.ended(second, failed=True)
    assert studies[0].trials[second].state is TrialState.FAIL
    assert peer.recommend() == second_cell, "Ray does not ask how a trial ended"
    peer.report(first, 3, 0.45)
    assert peer.recommend() == first_cell, "the earlier of equals"


def test_ray_leaves_a_trial_open_whose_last_score_is_no_number(studies: list[optuna.Study]) -> None:
    peer = PEERS["ray"](SmallWorld(), 0)
    number, _ = peer.suggest()  # type: ignore[misc]
    assert not peer.report(number, EPOCHS, float("nan"))
    peer.ended(number, failed=False)
    assert studies[0].trials[number].state is TrialState.RUNNING
    assert peer.recommend() is None


def test_optuna_learns_what_is_pruned_and_the_best_complete_trial_is_recommended(studies: list[optuna.Study]) -> None:
    peer = PEERS["optuna-sha"](SmallWorld(), 0)
    first, first_cell = peer.suggest()  # type: ignore[misc]
    assert all(peer.report(first, epoch, 0.5) for epoch in range(1, EPOCHS))
    assert peer.recommend() == first_cell, "the best score so far, while none is complete"
    assert not peer.report(first, EPOCHS, 0.3), "the last epoch ends it"
    peer.ended(first, failed=False)
    second, second_cell = peer.suggest()  # type: ignore[misc]
    third, _ = peer.suggest()  # type: ignore[misc]
    assert second_cell != first_cell
    assert peer.report(second, 1, 0.6), "the pruner has known its first rung since a trial was complete"
    assert not peer.report(third, 1, 0.4), "below the best quarter"
    peer.ended(third, failed=False)
    peer.ended(second, failed=True)
    outcomes = [(trial.state, trial.value) for trial in studies[0].trials]
    assert outcomes == [(TrialState.COMPLETE, 0.3), (TrialState.FAIL, None), (TrialState.PRUNED, 0.4)]
    assert peer.recommend() == first_cell == studies[0].best_trial.params, "though others had 0.6 and 0.4"


def test_the_median_pruner_lets_five_trials_complete_first() -> None:
    epochs = 27
    peer = PEERS["optuna-median"](family_world("arch:slow", 0), 0)
    for trial in range(5):
        number, _ = peer.suggest()  # type: ignore[misc]
        assert all(peer.report(number, epoch, 0.5 - 0.01 * trial) for epoch in range(1, epochs))
        assert not peer.report(number, epochs, 0.5 - 0.01 * trial)
        peer.ended(number, failed=False)
    above, _ = peer.suggest()  # type: ignore[misc]
    assert peer.report(above, 1, 0.485) and peer.report(above, 2, 0.1), "its best score is above the median, 0.48"
    below, _ = peer.suggest()  # type: ignore[misc]
    assert not peer.report(below, 1, 0.475)


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLED_PEERS)
@pytest.mark.parametrize("world", ["arch:noisy", "joint:indep"])
def test_a_seed_says_what_is_suggested(name: str, world: str) -> None:
    def cells(seed: int) -> list[object]:
        peer = PEERS[name](family_world(world, 0), seed)
        suggested = []
        for _ in range(14):
            number, cell = peer.suggest()  # type: ignore[misc]
            suggested.append(cell)
            epoch = 1
            while peer.report(number, epoch, 0.1 * (number % 5) + 0.01 * epoch):
                epoch += 1
            peer.ended(number, failed=False)
        return [*suggested, peer.recommend()]

    assert cells(1) == cells(1)
    assert cells(1) != cells(2)


@pytest.mark.parametrize("name", [name for name in PEERS if not name.startswith("syne-tune")])
def test_the_sampler_learns_the_cell_that_was_trained_instead(name: str, studies: list[optuna.Study]) -> None:
    world = SmallWorld()
    peer = PEERS[name](world, 0)
    for number, cell in all_suggested(peer, world):
        assert studies[0].trials[number].params == cell
    failed = [trial for trial in studies[0].trials if trial.state is TrialState.FAIL]
    assert failed and len(studies[0].trials) == len(failed) + 10, "what could not be trained has failed"
