"""A sweep in which many trials mark nothing, and so have equal scores, still gives finite scales."""

from __future__ import annotations

import math

import pytest

from runners.simulation.regret import Setting, simulate
from tests.benchmarks.recorded import RECORDED_SWEEPS


@pytest.mark.slow
def test_steps_that_are_too_long_for_arithmetic_are_taken_back() -> None:
    # Of 24 arms, 12 mark nothing in either replicate. With this seed a step of the search for scales made standard
    # deviations of 10^7, under which the covariance of the scores has no Cholesky factor.
    setting = Setting(world=str(RECORDED_SWEEPS / "mixing"), strategy="factorial/none", seed=1000)
    rows = simulate(setting)
    assert all(math.isfinite(row["regret"]) for row in rows)
    assert rows[-1]["regret"] < 0.1
