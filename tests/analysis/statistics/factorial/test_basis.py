from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.factorial import basis_of
from seatbelt.records.sweep import SweepFactor, SweepRange

RANGE = SweepFactor(name="rate", range=SweepRange(field="rate", low=1e-4, high=1e-2, log=True))


def test_a_switch_has_one_column_of_two_opposite_values() -> None:
    basis = basis_of(SweepFactor(name="cutout", levels={"off": {}, "on": {}}))
    off, on = basis.columns(["off", "on"])[:, 0]
    assert off == pytest.approx(-on)
    assert abs(on) == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("count", [2, 5, 6])
def test_columns_of_levels_are_centred_uncorrelated_and_of_one_size(count: int) -> None:
    levels = tuple(map(str, range(count)))
    basis = basis_of(SweepFactor(name="x", levels={label: {} for label in levels}))
    columns = basis.columns(levels)
    assert columns.shape == (count, count - 1) == (count, basis.width)
    np.testing.assert_allclose(columns.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(columns.T @ columns / count, basis.share * np.eye(count - 1), atol=1e-12)


def test_columns_of_a_range_are_centred_uncorrelated_and_of_one_size() -> None:
    basis = basis_of(RANGE)
    shares = (np.arange(20_000) + 0.5) / 20_000
    columns = basis.columns([str(1e-4 * 100**share) for share in shares])
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.T @ columns / len(columns), np.eye(3) / 3, atol=1e-6)


def test_the_first_column_of_a_range_runs_over_its_logarithm() -> None:
    assert basis_of(RANGE).columns(["0.0001", "0.001", "0.01"])[:, 0].tolist() == pytest.approx([-1, 0, 1])
