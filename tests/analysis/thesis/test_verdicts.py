from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from analysis import load
from analysis.statistics.multiple_testing import adjusted
from analysis.text.thesis import thesis_text
from analysis.thesis.contrasts import ArmContrast
from analysis.thesis.findings import FINDINGS
from analysis.thesis.scores import ArmScores, canonical_label
from analysis.thesis.simultaneous import one_against_all, spread_of_all
from analysis.thesis.verdicts import FindingResult, findings
from runners.cli.thesis import write_thesis
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from tests.analysis.conftest import trial, write_sweep
from tests.analysis.thesis.thesis_sweeps import STUDIES, Score, against_the_thesis, as_the_thesis, study_sweep


def answers_of(tmp_path: Path, score: Any, **more: Any) -> dict[str, FindingResult]:
    sweeps = [study_sweep(tmp_path / study, study, score(study), **more) for study in STUDIES]
    return {answer.number: answer for answer in findings(sweeps)}


def few(root: Path, study: str, factors: dict[str, list[str]], scores: dict[tuple[str, ...], list[float]]) -> ArmScores:
    """Return the scores of a written sweep, from the scores of each cell's replicates."""
    trials = [
        trial(
            f"{i}{r}", "-".join(labels), iou=0.5, test=score, cell=json.dumps(dict(zip(factors, labels, strict=True)))
        )
        | {"replicate": r, "role": "arm", "number": i * 10 + r, "config": "{}"}
        for i, (labels, values) in enumerate(scores.items())
        for r, score in enumerate(values)
    ]
    described = [{"name": name, "levels": {x: {} for x in levels}} for name, levels in factors.items()]
    write_sweep(root, description={"study": study, "factors": described, "rungs": [9]}, trials=trials)
    return ArmScores(load(root))


@pytest.mark.slow
def test_every_finding_agrees_where_all_hold(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, as_the_thesis)
    assert {number: answer.verdict for number, answer in answers.items()} == {f.number: "agrees" for f in FINDINGS}
    assert all(answer.p_value is not None and answer.p_value < 0.05 for answer in answers.values())
    effects = {number: answer.weakest and answer.weakest.effect for number, answer in answers.items()}
    # These follow from the scores of `as_the_thesis`; noise is at most 0.001.
    expected = {"a1": 0.02, "a3": 0.02, "b1": 0.05, "b2": 0.1, "b3": 0.03, "b4": 0.05, "c1": 0.04, "c2": 0.25}
    expected |= {"c3": -0.03, "d1": 0.07, "e1": 0.05, "e2": 0.1, "e3": 0.05, "f1": 0.15, "f2": 0.1}
    expected |= {"g1": 0.03, "g2": 0.05, "h1": 0.05}
    assert {number: effects[number] for number in expected} == pytest.approx(expected, abs=3e-3)


@pytest.mark.slow
def test_no_finding_agrees_where_none_holds(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, against_the_thesis)
    verdicts = {number: answer.verdict for number, answer in answers.items()}
    assert verdicts == {finding.number: "does not agree" for finding in FINDINGS}


@pytest.mark.slow
def test_one_replicate_decides_nothing(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, as_the_thesis, replicates=1)
    assert {answer.verdict for answer in answers.values()} == {"not decided"}
    assert all(answer.p_value is None for answer in answers.values())
    assert all("one replicate says nothing about chance" in answer.notes[-1] for answer in answers.values())
    assert answers["c2"].weakest is not None
    assert (answers["c2"].weakest.low, answers["c2"].weakest.n) == (None, 1)


@pytest.mark.slow
def test_much_noise_decides_nothing_and_notes_the_detectable_difference(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, as_the_thesis, replicates=3, noise=0.5)
    assert {answer.verdict for answer in answers.values()} == {"not decided"}
    assert answers["e1"].weakest is not None
    assert answers["e1"].weakest.detectable is not None
    note = f"differences below {answers['e1'].weakest.detectable:.3f} are unlikely to be detected (80 % power); "
    assert answers["e1"].notes[-1].startswith(note)
    assert "replicates would detect 0.01" in answers["e1"].notes[-1]


@pytest.mark.slow
def test_no_gain_is_no_agreement_however_sure(tmp_path: Path) -> None:
    answers = answers_of(tmp_path, lambda study: lambda cell: 0.5)
    verdicts = {number: answer.verdict for number, answer in answers.items()}
    # Nothing differs: findings that claim a gain are refuted, those that claim none agree.
    assert {number for number, verdict in verdicts.items() if verdict == "agrees"} == {
        "a1",
        "a2",
        "a3",
        "b4",
        "c3",
        "e3",
    }
    assert set(verdicts.values()) == {"agrees", "does not agree"}


def test_a_contrast_is_paired_by_replicate(tmp_path: Path) -> None:
    scores = few(tmp_path / "s", "x", {"a": ["0", "1"]}, {("0",): [0.1, 0.5, 0.9], ("1",): [0.2, 0.7, 1.2]})
    part = scores.contrast(ArmContrast(name="1 minus 0", terms=((1.0, {"a": "1"}), (-1.0, {"a": "0"}))))
    # Differences 0.1, 0.2, 0.3: sd 0.1, t of two degrees 4.3027.
    assert (part.effect, part.n, part.freedom) == (pytest.approx(0.2), 3, 2)
    assert part.high == pytest.approx(0.2 + 4.30265 * 0.1 / math.sqrt(3), abs=1e-5)
    assert part.low == pytest.approx(0.2 - 4.30265 * 0.1 / math.sqrt(3), abs=1e-5)


def test_only_replicates_and_cells_that_have_all_arms_count(tmp_path: Path) -> None:
    cells = {("0", "x"): [0.1, 0.5], ("1", "x"): [0.2, 0.8, 0.9], ("1", "y"): [0.9, 0.9, 0.9]}
    scores = few(tmp_path / "s", "x", {"a": ["0", "1"], "b": ["x", "y"]}, cells)
    part = scores.contrast(ArmContrast(name="", terms=((1.0, {"a": "1"}), (-1.0, {"a": "0"}))))
    assert (part.effect, part.n) == (pytest.approx((0.1 + 0.3) / 2), 2)
    lacking = scores.contrast(ArmContrast(name="", terms=((1.0, {"a": "2"}), (-1.0, {"a": "0"}))))
    assert (lacking.effect, lacking.n) == (None, 0)


def test_the_range_of_all_arms_has_tukeys_interval(tmp_path: Path) -> None:
    arms = {("x",): [0.50, 0.60], ("y",): [0.53, 0.61], ("z",): [0.58, 0.70]}
    (part,), below, above, _ = spread_of_all(few(tmp_path / "s", "x", {"a": ["x", "y", "z"]}, arms), 0.05)
    # Means 0.55, 0.57, 0.64. Residuals 0.00, +-0.01, -+0.01: squares 0.0004, two degrees, two replicates.
    assert part.effect == pytest.approx(0.09)
    assert part.error == pytest.approx(math.sqrt(0.0004 / 2 / 2))
    # The 5 % point of the studentized range of three means with two degrees of freedom is 8.331 in any table.
    assert part.high == pytest.approx(0.09 + 8.331 * 0.01, abs=1e-4)
    assert below == 1.0
    assert above is not None and 0.05 < above < 1


def test_the_best_arm_is_reported_with_those_indistinguishable_from_it(tmp_path: Path) -> None:
    arms = {("x",): [0.50, 0.60, 0.7], ("y",): [0.51, 0.59, 0.7], ("z",): [0.90, 1.00, 1.1]}
    scores = few(tmp_path / "s", "x", {"a": ["x", "y", "z"]}, arms)
    (part,), holds, fails, notes = one_against_all(scores, {"a": "z"}, -0.01, 0.0)
    assert (part.effect, holds is not None and holds < 1e-4, fails) == (pytest.approx(0.4), True, 1.0)
    assert notes == ["rank 1 of 3 arms", "1 of 3 arms cannot be distinguished from the best"]
    (part,), holds, fails, notes = one_against_all(scores, {"a": "x"}, -0.01, 0.0)
    assert (part.effect, holds, fails is not None and fails < 1e-4) == (pytest.approx(-0.4), 1.0, True)
    assert one_against_all(scores, {"a": "w"}, -0.01, 0.0)[3] == ["the sweep has no scores of a=w and other arms"]


def test_p_values_are_adjusted_as_holm_does() -> None:
    # Sorted 0.01 x 3, 0.03 x 2, 0.04 x 1, each at least the one before it.
    assert adjusted([0.04, 0.01, None, 0.03], "holm") == [0.06, 0.03, None, 0.06]
    assert adjusted([], "holm") == []


@pytest.mark.slow
def test_a_finding_must_stand_among_all_that_were_tested(tmp_path: Path) -> None:
    def small(cell: Any) -> float:
        return 0.5 + (0.035 if cell["regime"] == "synthetic_then_real" else 0.0)

    one = study_sweep(tmp_path / "one", "pretraining", small, replicates=3, noise=0.02)
    alone = {answer.number: answer for answer in findings([one])}
    others = [
        study_sweep(tmp_path / study, study, as_the_thesis(study), replicates=3, noise=0.5)
        for study in ("generations", "mixing", "labels", "initialization")
    ]
    among = {answer.number: answer for answer in findings([one, *others])}
    assert alone["e1"].p_value is not None and among["e1"].p_value is not None
    assert among["e1"].p_value > alone["e1"].p_value


def test_pruned_trials_leave_no_verdict(tmp_path: Path) -> None:
    root = study_sweep(tmp_path / "s", "augmentation", as_the_thesis("augmentation"))
    whole = {answer.number: answer for answer in findings([root])}
    assert whole["h1"].verdict == "agrees"
    pruned = study_sweep(tmp_path / "p", "augmentation", as_the_thesis("augmentation"))
    table = load(pruned).trials
    rows = table.to_dict("records")
    rows[0] |= {"status": "PRUNED", "test_iou": None}
    write_sweep(tmp_path / "q", description=load(pruned).description, trials=_plain(rows))
    answer = {a.number: a for a in findings([tmp_path / "q"])}["h1"]
    assert (answer.verdict, answer.p_value) == ("not decided", None)
    assert "1 trials were pruned" in answer.notes[-1]


def test_the_levels_are_those_that_were_trained(tmp_path: Path) -> None:
    # Older versions wrote the arm "synthetic" with the cell of the trial that began with it.
    regimes = {
        "synthetic": {"data.real": False, "pretraining.generations": []},
        "synthetic_then_real": {"data.real": True, "pretraining.generations": ["2"]},
    }
    configs = {
        "synthetic": {"data": {"real": False}, "pretraining": {"generations": []}},
        "synthetic_then_real": {"data": {"real": True}, "pretraining": {"generations": ["2"]}},
    }
    trials = [
        trial(f"{i}{r}", name, iou=0.5, test=score + r, cell='{"regime": "synthetic_then_real"}')
        | {"replicate": r, "role": "arm", "number": 2 * i + r, "config": json.dumps(configs[name])}
        for i, (name, score) in enumerate([("synthetic", 0.4), ("synthetic_then_real", 0.6)])
        for r in range(2)
    ]
    description = {"study": "pretraining", "factors": [{"name": "regime", "levels": regimes}], "rungs": [9]}
    write_sweep(tmp_path / "s", description=description, trials=trials)
    answer = {a.number: a for a in findings([tmp_path / "s"])}["e2"]
    assert answer.weakest is not None
    assert (answer.weakest.effect, answer.weakest.n) == (pytest.approx(0.2), 2)


def test_of_two_sweeps_of_a_study_the_larger_one_answers(tmp_path: Path) -> None:
    score: Score = as_the_thesis("randomization")
    small = study_sweep(tmp_path / "small", "randomization", score, replicates=2)
    large = study_sweep(tmp_path / "large", "randomization", score, replicates=3)
    answer = {a.number: a for a in findings([small, load(large)])}["d1"]
    assert answer.sweep == str(large)
    assert answer.setting == "data belts, 9 epochs, 3 replicates"
    assert answer.notes[0] == "uses the one of 2 sweeps of this study with the most complete trials"


def test_missing_levels_are_noted(tmp_path: Path) -> None:
    root = tmp_path / "s"
    few(root, "labels", {"context": ["none", "pants"]}, {("none",): [0.1, 0.2], ("pants",): [0.1, 0.2]})
    answers = {a.number: a for a in findings([root])}
    assert answers["g1"].verdict == "not decided"
    assert answers["g1"].notes == ["the sweep lacks the levels of this finding"]


def test_what_no_sweep_writes_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a=0 has replicate 0 twice"):
        rows = [{"replicate": 0, "role": "arm", "number": i, "cell": '{"a": "0"}', "config": "{}"} for i in range(2)]
        trials = [trial(f"k{i}", "x", iou=0.5, test=0.5) | row for i, row in enumerate(rows)]
        description = {"study": "labels", "factors": [{"name": "a", "levels": {"0": {}}}], "rungs": [9]}
        findings([write_sweep(tmp_path / "s", description=description, trials=trials)])


@pytest.mark.parametrize(
    ("label", "canonical"),
    [("0.0", "0"), ("0.50", "0.5"), ("skin+shirt", "shirt+skin"), ("3-5", "3-5"), ("6+randomized", "6+randomized")],
)
def test_labels_have_one_form(label: str, canonical: str) -> None:
    assert canonical_label(label) == canonical


@pytest.mark.slow
def test_the_text_lists_each_finding_once(tmp_path: Path) -> None:
    text = thesis_text(list(answers_of(tmp_path, as_the_thesis).values()))
    assert text.startswith("19 findings of the thesis: 19 agrees\n")
    assert f"mixing: {tmp_path / 'mixing'} (data belts, 9 epochs, 4 replicates)" in text
    assert "c2  agrees          They help much more from random weights than from ImageNet's." in text
    assert "-0.000" not in text
    assert max(map(len, text.splitlines())) <= 160
    none = thesis_text(findings([]))
    assert none.startswith("19 findings of the thesis: 19 no sweep\n")
    assert none.count("no sweep; run `seatbelt sweep mixing`") == 1


def test_the_command_prints_text_or_json_and_notes_that_the_test_set_was_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = study_sweep(tmp_path / "s", "randomization", as_the_thesis("randomization"))
    write_thesis([str(root)], json_output=False)
    assert "d1  agrees" in capsys.readouterr().out
    write_thesis([str(root)], json_output=True)
    answers = json.loads(capsys.readouterr().out)
    d1 = next(item for item in answers if item["number"] == "d1")
    assert d1["verdict"] == "agrees"
    assert [part["n"] for part in d1["parts"]] == [4, 4]
    assert d1["parts"][0]["low"] == pytest.approx(0.07, abs=0.005)
    assert [note for note, _, _ in SweepFolder(root).test_notes()] == ["report --thesis", "report --thesis"]


def _plain(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]
