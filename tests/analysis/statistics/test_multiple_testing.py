from __future__ import annotations

import pytest

from analysis.statistics.multiple_testing import adjusted


def test_holm() -> None:
    assert adjusted([0.03, None, 0.01, 0.04], "holm") == [pytest.approx(0.06), None, pytest.approx(0.03), 0.06]


def test_benjamini_hochberg() -> None:
    # 4 p-values: 0.005 * 4, 0.03 * 2, 0.04 * 4 / 3, 0.5.
    found = adjusted([0.04, 0.005, 0.5, 0.03], "bh")
    assert found == pytest.approx([0.04 * 4 / 3, 0.02, 0.5, 0.04 * 4 / 3])


def test_no_more_than_one() -> None:
    assert adjusted([0.9, 0.8], "holm") == [1.0, 1.0]
