from __future__ import annotations

import pytest

from analysis.statistics.multiple_testing import adjusted


def test_holm_multiplies_by_the_number_of_remaining_p_values() -> None:
    assert adjusted([0.03, None, 0.01, 0.04], "holm") == [pytest.approx(0.06), None, pytest.approx(0.03), 0.06]


def test_benjamini_hochberg_divides_by_the_rank() -> None:
    # 4 p-values: 0.005 * 4, 0.03 * 2, 0.04 * 4 / 3, 0.5.
    p_values = adjusted([0.04, 0.005, 0.5, 0.03], "bh")
    assert p_values == pytest.approx([0.04 * 4 / 3, 0.02, 0.5, 0.04 * 4 / 3])


def test_adjusted_p_values_are_at_most_one() -> None:
    assert adjusted([0.9, 0.8], "holm") == [1.0, 1.0]
