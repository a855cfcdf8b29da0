"""These tests fail if an update of Ray decides otherwise than the emulation."""

from __future__ import annotations

import pytest

from runners.simulation.peers.tools import RayTune
from tests.benchmarks.ray_replay import CONCURRENT, Happened, RealRun, agreement, real_run


@pytest.fixture
def ray_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray read its token anew: a process keeps the first one, which was that of another test."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # (written in Cython)

    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.usefixtures("ray_in_this_process")
def test_the_emulation_of_ray_tune_decides_as_ray_tune_does() -> None:
    world, seed = "joint:slow", 1
    comparison = agreement(real_run(world, seed, 16), world, seed)
    assert comparison.complete, str(comparison)
    assert comparison.suggestions == 16 and comparison.stops >= 8, str(comparison)
    assert comparison.failed, "the first cell of this seed fails on purpose"
    assert comparison.most_open == CONCURRENT + RayTune.ahead, str(comparison)


def test_another_decision_is_noticed() -> None:
    cell = {"encoder": "resnet18", "decoder": "fpn"}
    happened = [Happened(what="suggest", number=0, cell=cell), Happened(what="report", number=0, epoch=1, score=0.5)]
    comparison = agreement(RealRun(happened=happened, best=cell), "arch:slow", 1)
    assert not comparison.complete and not comparison.best
    assert (comparison.agreed, comparison.suggestions, comparison.decisions, len(comparison.differences)) == (
        0,
        1,
        1,
        2,
    )
