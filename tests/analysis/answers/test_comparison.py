"""Two arms against each other: differences, intervals and counts that were worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import Sweep, load
from analysis.answers.comparison import compare
from analysis.statistics.power import detectable_difference, replicates_needed
from analysis.text.comparison import comparison_text
from analysis.text.tables import json_text
from seatbelt.errors import UserError
from tests.analysis.conftest import MakeSweep, write_sweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, image, small_tables

UNET, FPN = "encoder=resnet18,decoder=unet", "decoder=fpn"


@pytest.fixture
def sweep(make_sweep: MakeSweep) -> Sweep:
    return make_sweep(description=DESCRIPTION, **small_tables())


def test_differences_are_paired_by_replicate(sweep: Sweep) -> None:
    comparison = compare(sweep, UNET, FPN)
    assert comparison.replicates == [0, 1, 2]
    assert comparison.differences == pytest.approx([0.1, 0.2, 0.0])
    assert comparison.selection.mean == pytest.approx(0.1)
    assert comparison.sd == pytest.approx(0.1)
    # Student's t with two degrees of freedom.
    assert comparison.selection.low == pytest.approx(0.1 - 4.302653 * 0.1 / math.sqrt(3), abs=1e-6)
    assert (comparison.first.selection_iou, comparison.second.selection_iou) == pytest.approx((0.7, 0.6))
    assert comparison.detectable == pytest.approx(0.1 * 3.264, abs=1e-3)
    assert comparison.verdict.startswith("not decided: 3 replicates detect differences from 0.326")
    assert comparison.verdict.endswith(f"a difference of 0.01 needs {comparison.needed} replicates")
    assert (comparison.provisional, comparison.better, comparison.pruned) == (None, None, 0)


def test_the_test_set_is_paired_by_image_with_persons_as_clusters(sweep: Sweep) -> None:
    test = compare(sweep, UNET, FPN).test
    assert test is not None
    assert (test.images, test.replicates, test.better, test.worse, test.equal) == (4, 3, 1, 1, 2)
    assert test.iou.n == 2
    assert test.iou.mean == pytest.approx(0.025)
    # Person p0 has 0.05 in the mean, p1 has 0: the bootstrap draws one of both, or each once.
    assert (test.iou.low, test.iou.high) == pytest.approx((0.0, 0.05))


def test_the_text_shows_both_arms_and_the_verdict(sweep: Sweep) -> None:
    assert comparison_text(compare(sweep, UNET, FPN)).splitlines() == [
        "   arm            selection    test  complete  arm key",
        "A  resnet18 unet     0.7000  0.7000         3  resnet18-unet",
        "B  resnet18 fpn      0.6000  0.6000         3  resnet18-fpn",
        "",
        "selection, A - B: +0.1000 [-0.1484, +0.3484] over 3 common replicates",
        "test, A - B:      +0.0250 [+0.0000, +0.0500] over 2 subjects, 4 images, 3 replicates; "
        "better on 1 image, worse on 1, equal on 2",
        "detectable:       0.3264 (80 % power at 5 %, standard deviation 0.1000); 0.01 needs 785 replicates",
        "verdict by the selection set: not decided: 3 replicates detect differences from 0.3264 (80 % power); a "
        "difference of 0.01 needs 785 replicates",
    ]


def two_arms(first: list[float], second: list[float], **more: Any) -> list[dict[str, Any]]:
    return [
        arm_trial(f"{which}b{replicate}", "resnet18", decoder, replicate, iou, number=replicate, **more)
        for which, (decoder, scores) in enumerate((("unet", first), ("fpn", second)))
        for replicate, iou in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ([0.6, 0.61, 0.62], [0.5, 0.51, 0.521], "resnet18 unet is better by 0.0997 "),
        ([0.5, 0.51, 0.521], [0.6, 0.61, 0.62], "resnet18 fpn is better by 0.0997 "),
        ([0.5, 0.51, 0.52], [0.501, 0.509, 0.52], "no relevant difference: at most 0.0025 either way"),
        ([0.5], [0.6], "not decided: one common replicate says nothing about chance; add replicates"),
    ],
)
def test_the_verdict_follows_the_interval(
    make_sweep: MakeSweep, first: list[float], second: list[float], verdict: str
) -> None:
    comparison = compare(make_sweep(trials=two_arms(first, second)), "decoder=unet", "decoder=fpn")
    assert verdict in comparison.verdict
    expected = "first" if "unet is better" in verdict else "second" if "fpn is better" in verdict else None
    assert comparison.better == expected


def test_a_comparison_counts_pruned_trials(make_sweep: MakeSweep) -> None:
    trials = [*two_arms([0.6, 0.7], [0.5, 0.5]), arm_trial("0b9", "resnet18", "unet", 9, 0.1, status="PRUNED")]
    comparison = compare(make_sweep(trials=trials), "decoder=unet", "decoder=fpn")
    assert comparison.pruned == 1
    assert "careful: 1 other trial of these arms stopped at a rung" in comparison_text(comparison)


# The numbers of a table of Student's test with one sample, such as that of G*Power.
@pytest.mark.parametrize(("effect", "pairs"), [(1.0, 10), (0.5, 34), (0.2, 199), (2.0, 5)])
def test_replicates_needed_are_those_of_the_tables(effect: float, pairs: int) -> None:
    assert replicates_needed(1.0, effect) == pairs
    assert detectable_difference(1.0, pairs) <= effect < detectable_difference(1.0, pairs - 1)


def test_the_power_is_what_simulations_find() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    values = rng.normal(detectable_difference(0.3, 4), 0.3, (20_000, 4))
    assert (stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.015)


SCORE = st.floats(0, 1)


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.tuples(SCORE, SCORE, SCORE, SCORE), min_size=1, max_size=3))
def test_the_other_way_round_is_the_negative(
    tmp_path_factory: pytest.TempPathFactory, scores: list[tuple[float, float, float, float]]
) -> None:
    trials = two_arms([row[0] for row in scores], [row[1] for row in scores])
    images = [
        image(f"{which}b{replicate}", f"p{number}", number, row[2 + (which + number) % 2] / (1 + number + which))
        for which in (0, 1)
        for replicate, row in enumerate(scores)
        for number in range(3)
    ]
    sweep = load(write_sweep(tmp_path_factory.mktemp("s") / "s", trials=trials, images=images))
    one, other = compare(sweep, "decoder=unet", "decoder=fpn"), compare(sweep, "decoder=fpn", "decoder=unet")
    assert one.differences == [-value for value in other.differences]
    assert (one.sd, one.needed, one.detectable) == pytest.approx((other.sd, other.needed, other.detectable))
    assert one.test is not None and other.test is not None
    assert (one.test.better, one.test.worse) == (other.test.worse, other.test.better)
    for mine, theirs in ((one.selection, other.selection), (one.test.iou, other.test.iou)):
        assert mine.mean == pytest.approx(-theirs.mean, abs=1e-12)
        assert (mine.low is None) == (theirs.high is None)
        if mine.low is not None and theirs.high is not None:
            assert mine.low == pytest.approx(-theirs.high, abs=1e-12)
    assert (one.first, one.second) == (other.second, other.first)


def test_only_complete_trials_of_common_replicates_count(make_sweep: MakeSweep) -> None:
    trials = [
        *two_arms([0.6, 0.7, 0.9], [0.5, 0.5]),
        arm_trial("1b2", "resnet18", "fpn", 2, 0.1, status="RUNNING"),
        arm_trial("cc", "resnet18", "unet", 100_000, 0.2, role="confirmation"),
        arm_trial("cd", "resnet18", "fpn", 100_000, 0.1, role="confirmation"),
    ]
    sweep = make_sweep(trials=trials)
    comparison = compare(sweep, "decoder=unet", "decoder=fpn")
    assert (comparison.replicates, comparison.first.replicates) == ([0, 1], [0, 1, 2])
    assert comparison.provisional == "provisional: the sweep is not finished (1 RUNNING); this may change"
    assert comparison.test is None
    confirmed = compare(sweep, "decoder=unet", "decoder=fpn", role="confirmation")
    assert (confirmed.replicates, confirmed.differences) == ([100_000], [pytest.approx(0.1)])
    assert json.loads(json_text({"low": confirmed.selection.low}))["low"] is None


def test_images_that_only_one_has_are_left_out(make_sweep: MakeSweep) -> None:
    images = [image("0b0", "p", 0, 0.5), image("0b0", "p", 1, 0.9), image("1b0", "p", 0, 0.4)]
    test = compare(make_sweep(trials=two_arms([0.5], [0.5]), images=images), UNET, FPN).test
    assert test is not None
    assert (test.images, test.iou.mean) == (1, pytest.approx(0.1))


def named(key: str, name: str) -> dict[str, Any]:
    return arm_trial(key, "x", "x", 0, 0.5) | {"arm_key": f"ff{name}", "cell": json.dumps({"arm": name})}


def test_the_ways_to_name_an_arm(make_sweep: MakeSweep) -> None:
    stage = arm_trial("ee1", "resnet18", "unet", 0, 0.5, role="stage") | {"arm_key": "stage"}
    sweep = make_sweep(trials=[*two_arms([0.6], [0.5]), named("cc0", "randaugment"), stage])
    for name in ("resnet18-u", "0b", "0B0", "decoder=unet", "decoder = unet, encoder = resnet18"):
        assert compare(sweep, name, "randaugment").first.arm_key == "resnet18-unet", name
    assert compare(sweep, "ffrand", "0b").first.name == "randaugment"


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (
            "resnet18",
            r"^2 arms are called 'resnet18': \[0\] resnet18 unet, \[0\] resnet18 fpn; give the number of one$",
        ),
        (
            "encoder=resnet18",
            r"^2 arms have encoder=resnet18: \[0\] resnet18 unet, \[0\] resnet18 fpn; give decoder too$",
        ),
        ("decoder=uet", r"^no trial has decoder=uet; there are unet, fpn$"),
        ("decoders=unet", "^the sweep has no factor 'decoders'; it has encoder, decoder, arm$"),
        ("randaugmnt", "^no arm is called 'randaugmnt'; near it: randaugment"),
        ("zzzzzz", "^no arm is called 'zzzzzz'; `seatbelt query SWEEP .* lists all$"),
        ("", "^no arm is called ''"),
        ("decoder=", "^an arm is named factor=level,factor=level, but got 'decoder='$"),
        (
            "decoder=fpn",
            r"^'decoder=fpn' and 'decoder=fpn' are the same arm \(resnet18 fpn\); give tw",
        ),
        ("dd", r"^no trial of the arm resnet34 fpn is complete \(1 PAUSED\); `seatbelt status "),
        (
            "de",
            "^the arms have no complete replicate in common .*resnet34 unet: replicate 8; .*fpn: replicate 1",
        ),
    ],
)
def test_mistakes_are_one_clear_line(make_sweep: MakeSweep, first: str, message: str) -> None:
    more = [
        arm_trial("dd0", "resnet34", "fpn", 0, 0.5, status="PAUSED"),
        arm_trial("de0", "resnet34", "unet", 7, 0.5),
    ]
    trials = [*two_arms([0.6], [0.5]), named("cc0", "randaugment"), *more]
    if "encoder" not in first and first.startswith("decoder"):
        trials = trials[:3]
    sweep = make_sweep(trials=trials)
    with pytest.raises(UserError, match=message) as caught:
        compare(sweep, first, "resnet18-fpn" if first != "decoder=fpn" else first)
    assert "\n" not in str(caught.value)


def test_other_mistakes(make_sweep: MakeSweep, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^the sweep has no trials yet$"):
        compare(make_sweep("empty"), "a", "b")
    with pytest.raises(UserError, match=r"has no trial of the role confirmation; try --role arm$"):
        compare(make_sweep("s", trials=two_arms([0.6], [0.5])), "0b", "1b", role="confirmation")
    twice = [*two_arms([0.6], [0.5]), arm_trial("0c0", "resnet18", "unet", 0, 0.5)]
    with pytest.raises(UserError, match=r"hold what no sweep writes .*an arm has one replicate twice"):
        compare(make_sweep("twice", trials=twice), UNET, FPN)


def test_levels_of_a_range_are_numbers(make_sweep: MakeSweep) -> None:
    cells = [json.dumps({"rate": rate}) for rate in ("0.001", "0.01")]
    trials = [row | {"cell": cell} for row, cell in zip(two_arms([0.6], [0.5]), cells, strict=True)]
    assert compare(make_sweep(trials=trials), "rate=1e-3", "rate=0.010").first.name == "rate=0.001"
