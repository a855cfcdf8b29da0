from __future__ import annotations

import pytest

from seatbelt.text.wording import counted, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "3 s"), (12.4, "12 s"), (89, "89 s"), (190, "3 min"), (600, "10 min"), (12_000, "3 h 20 min")],
)
def test_a_duration_has_the_unit_that_a_person_would_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_long_durations_have_thousands_separators() -> None:
    assert duration(3_600_000) == "1,000 h 00 min"


@pytest.mark.parametrize(("count", "text"), [(0, "0 trials"), (1, "1 trial"), (2_000, "2,000 trials")])
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "trial") == text
