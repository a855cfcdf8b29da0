"""Confirmed arms: means, paired differences and intervals typed in by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from analysis import load
from analysis.answers.confirmation import confirmed
from analysis.statistics.intervals import over_replicates, over_subjects
from analysis.text.confirmation import confirmation_text
from seatbelt.errors import UserError
from tests.analysis.conftest import MakeSweep, trial, write_sweep


def arm(key: str, name: str, replicate: int, iou: float, role: str = "confirmation") -> dict[str, Any]:
    return trial(key, name, iou=iou, test=iou) | {"role": role, "replicate": replicate, "cell": json.dumps({"f": name})}


def image(key: str, subject: str, number: int, iou: float) -> dict[str, Any]:
    return {"trial_key": key, "dataset": "d", "image": f"{number}.png", "subject": subject, "iou": iou}


def test_means_differences_and_shrinkage(tmp_path: Any) -> None:
    trials = [
        arm("s1", "new", 0, 0.9, role="arm"),
        arm("s2", "old", 0, 0.5, role="arm"),
        *[arm(f"n{r}", "new", 100 + r, iou) for r, iou in enumerate((0.6, 0.7, 0.8))],
        *[arm(f"o{r}", "old", 100 + r, iou) for r, iou in enumerate((0.5, 0.5, 0.5))],
    ]
    images = [
        image(f"{name}{r}", f"p{i // 2}", i, base + 0.1 * r + 0.01 * i)
        for name, base in (("n", 0.5), ("o", 0.3))
        for r in range(3)
        for i in range(6)
    ]
    root = write_sweep(tmp_path / "s", trials=trials, images=images, description={"baseline": {"f": "old"}})
    confirmation = confirmed(load(root))
    assert confirmation.baseline == "old"
    new, old = confirmation.arms
    assert (new.arm_key, new.replicates) == ("new", 3)
    assert new.selection.mean == pytest.approx(0.7)
    # Student's t with two degrees of freedom: 4.3027; standard deviation 0.1.
    assert new.selection.high == pytest.approx(0.7 + 4.302653 * 0.1 / math.sqrt(3), abs=1e-5)
    assert new.searched == pytest.approx(0.9)
    assert new.shrinkage == pytest.approx(0.2)
    assert new.selection_difference is not None
    assert new.selection_difference.mean == pytest.approx(0.2)
    assert new.test is not None
    assert (new.test.mean, new.test.n) == (pytest.approx(0.625), 3)
    # Paired by seed and image the difference is the same everywhere: nothing is uncertain.
    assert new.test_difference is not None
    assert [new.test_difference.mean, new.test_difference.low, new.test_difference.high] == pytest.approx([0.2] * 3)
    assert (old.selection_difference, old.test_difference) == (None, None)
    text = confirmation_text(confirmation)
    assert "(baseline)" in text
    assert "3 subjects" in text
    assert "+0.200" in text


def test_a_sweep_without_a_confirmation_is_refused(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(trials=[arm("s1", "new", 0, 0.9, role="arm")])
    with pytest.raises(UserError, match="has no complete confirmation; run `seatbelt confirm"):
        confirmed(sweep)


def test_one_replicate_has_no_interval() -> None:
    interval = over_replicates([0.4])
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.4, None, None, 1)
    assert interval.text() == "0.400 [n=1: no interval]"


def test_images_of_one_person_are_no_independent_evidence() -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(0.5, 0.2, 12)
    values = np.repeat(people, 20)[None, :] + rng.normal(0, 0.01, (3, 240))
    by_person = over_subjects(values, [f"p{i // 20}" for i in range(240)])
    by_image = over_subjects(values, [f"i{i}" for i in range(240)])
    assert by_person.low is not None and by_person.high is not None
    assert by_image.low is not None and by_image.high is not None
    assert (by_person.high - by_person.low) > 2.5 * (by_image.high - by_image.low)
    assert by_person.n == 12


@pytest.mark.slow
def test_the_interval_over_subjects_covers_the_truth() -> None:
    """Nominal 95 %; the percentile bootstrap over 15 persons and 4 seeds reaches about 90 %."""
    rng = np.random.default_rng(1)
    hits = 0
    for number in range(200):
        people, seeds = rng.normal(0, 0.2, 15), rng.normal(0, 0.05, 4)
        values = 0.5 + people.repeat(4)[None, :] + seeds[:, None] + rng.normal(0, 0.05, (4, 60))
        interval = over_subjects(values, [f"p{i // 4}" for i in range(60)], seed=number)
        assert interval.low is not None and interval.high is not None
        hits += interval.low <= 0.5 <= interval.high
    assert 0.86 <= hits / 200 <= 0.99
