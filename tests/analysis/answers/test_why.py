"""The story of a trial: rungs whose neighbours and needed scores were worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis import Sweep, load
from analysis.answers.rung_story import Neighbour
from analysis.answers.why import why
from analysis.reading.lookup import TrialName, find_trial
from analysis.text.why import story_text
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from tests.analysis.conftest import MakeSweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, second
from tests.runners.conftest import describe
from tests.runners.session.test_driver import run_to_the_end

# Key, score at the rung, second at which it arrived there.
ARRIVALS = [("a", 0.5, 1), ("b", 0.6, 2), ("c", 0.4, 3), ("d", 0.7, 5), ("e", 0.3, 6), ("f", 0.65, 7), ("g", 0.1, 9)]


def decision(number: int, at: float, kind: str, key: str, score: float, **more: Any) -> dict[str, Any]:
    row = {"number": number, "at": second(at), "kind": kind, "trial_key": key, "by": "asha", "epoch": 3}
    return row | {"score": score, "reason": f"reason {number}"} | more


def halving() -> dict[str, Any]:
    """Seven trials stop at epoch 3; one in three is promoted: b at second 4, d at second 8. x is exempt."""
    trials = [
        arm_trial(key, f"enc{key}", "fpn", 0, score, number=number, epochs_done=3, status="PRUNED", attempts=1)
        for number, (key, score, _) in enumerate(ARRIVALS)
    ]
    for number, best in ((1, 0.8), (3, 0.9)):
        trials[number] |= {"status": "COMPLETE", "epochs_done": 9, "selection_iou": best, "attempts": 2}
    whole = {
        "exempt": True,
        "epochs_planned": 9,
        "attempts": 3,
        "failures": 1,
        "machine_faults": 1,
        "error": "out of\nluck",
    }
    trials.append(arm_trial("x", "encx", "fpn", 0, 0.2, number=7, **whole))
    epochs = [
        {"trial_key": key, "epoch": epoch, "selection_iou": score - 0.1 * (3 - epoch), "at": second(at + 0.1 * epoch)}
        for key, score, at in ARRIVALS
        for epoch in (1, 2, 3)
    ]
    epochs += [{"trial_key": key, "epoch": 9, "selection_iou": 0.9, "at": second(9), "host": "h"} for key in "bdx"]
    proposal = decision(0, 0, "proposal", "a", 0.0) | {"by": "optuna", "epoch": 0, "score": None}
    proposal["reason"] = "proposed from the history"
    decisions = [
        proposal,
        decision(1, 4, "promotion", "b", 0.6, rank=1, compared=3, allowed=1),
        decision(2, 8, "promotion", "d", 0.7, rank=1, compared=6, allowed=2),
        *[
            decision(3 + i, 10, "prune", key, score, rank=rank, compared=7, allowed=2)
            for i, (key, score, rank) in enumerate(
                (("f", 0.65, 2), ("a", 0.5, 4), ("c", 0.4, 5), ("e", 0.3, 6), ("g", 0.1, 7))
            )
        ],
    ]
    description = DESCRIPTION | {"prune": "asha"}
    return {"description": description, "trials": trials, "epochs": epochs, "decisions": decisions}


@pytest.fixture
def sweep(make_sweep: MakeSweep) -> Sweep:
    return make_sweep(**halving())


def at(key: str, score: float) -> Neighbour:
    return Neighbour(trial_key=key, number="abcdefg".index(key), score=pytest.approx(score))


def test_a_promoted_trial(sweep: Sweep) -> None:
    (rung,) = why(sweep, "b").rungs
    assert rung.promoted
    assert (rung.rung, rung.score, rung.rank, rung.compared, rung.allowed) == (3, pytest.approx(0.6), 1, 3, 1)
    # d and f, which are better, came later.
    assert (rung.ahead, rung.behind) == (None, at("a", 0.5))
    assert (rung.best_waiting, rung.cut, rung.needed) == (at("a", 0.5), at("b", 0.6), None)
    (rung,) = why(sweep, "d").rungs
    assert (rung.compared, rung.behind, rung.best_waiting, rung.cut) == (6, at("f", 0.65), at("f", 0.65), at("f", 0.65))


def test_a_trial_that_was_never_promoted(sweep: Sweep) -> None:
    (rung,) = why(sweep, "a").rungs
    assert not rung.promoted
    assert (rung.rank, rung.compared, rung.allowed) == (4, 7, 2)
    assert (rung.ahead, rung.behind) == (at("b", 0.6), at("c", 0.4))
    assert (rung.best_waiting, rung.cut) == (at("f", 0.65), at("f", 0.65))
    # b was promoted with 0.6 while a waited: with a higher score, a would have been first.
    assert rung.needed == pytest.approx(0.6)
    # f arrived after b was promoted, and had to beat d.
    assert why(sweep, "f").rungs[0].needed == pytest.approx(0.7)
    assert why(sweep, "g").rungs[0].needed is None


def test_the_story_as_text_has_one_line_per_event(sweep: Sweep) -> None:
    assert story_text(why(sweep, "a")).splitlines() == [
        "trial [0] enca fpn, replicate 1: encoder=enca, decoder=fpn",
        "trial key a, arm key enca-fpn",
        "proposed by optuna at 2026-03-01T12:00:00+00:00: proposed from the history",
        "rung at epoch 3: not promoted; score 0.5000, rank 4 of 7, 2 promotions allowed by then",
        "  decision: reason 4",
        "  just above it: [1] (0.6000); just below it: [2] (0.4000); best of the others waiting: [5] (0.6500); "
        "the cut: [5] (0.6500)",
        "  needed: more than 0.6000, the lowest score promoted after it arrived; it had 0.5000",
        "trained in 1 leg",
        "status: PRUNED, 3 epochs",
        "best epoch: 2, selection IoU 0.5000",
        "test IoU with the weights of that epoch: 0.5000",
    ]
    late = story_text(why(sweep, "g"))
    assert (
        "needed: another promotion; none was allowed after it arrived, because only one is allowed per 3 trials" in late
    )


def test_an_exempt_trial_with_troubles(sweep: Sweep) -> None:
    assert story_text(why(sweep, "x")).splitlines()[2:] == [
        "proposed by an unknown strategy",
        "no rungs: the trial is exempt from pruning",
        "trained in 3 legs on h; 1 ended by an error of the trial, 1 ended by a fault of a machine",
        "last error: out of luck",
        "status: COMPLETE, 9 of 9 epochs",
        "best epoch: 2, selection IoU 0.2000",
        "test IoU with the weights of that epoch: 0.2000",
        "its arm ranks 3 of 3 by mean selection IoU of complete trials",
    ]


def test_a_trial_that_waits(make_sweep: MakeSweep) -> None:
    tables = halving()
    tables["decisions"] = tables["decisions"][:3]
    for row in tables["trials"]:
        row["status"] = "PAUSED" if row["status"] == "PRUNED" else row["status"]
    story = why(make_sweep(**tables), "f")
    (rung,) = story.rungs
    assert (rung.promoted, rung.rank, rung.compared, rung.allowed) == (False, 2, 7, None)
    assert (rung.ahead, rung.behind, rung.best_waiting) == (at("d", 0.7), at("b", 0.6), at("a", 0.5))
    assert story.provisional is not None and "5 PAUSED" in story.provisional


def test_a_pruned_trial_that_an_extension_promotes(make_sweep: MakeSweep) -> None:
    tables = halving()
    later = decision(8, 20, "promotion", "f", 0.65, rank=2, compared=9, allowed=3)
    tables["decisions"].append(later)
    (rung,) = why(make_sweep(**tables), "f").rungs
    assert (rung.promoted, rung.reason, rung.needed) == (True, "reason 8", None)


def test_the_story_names_the_stage_of_a_trial(make_sweep: MakeSweep) -> None:
    user = arm_trial("u1", "e", "fpn", 0, 0.5, number=0, stage_key="s1", stage_reused=True, stage_seconds=12.0)
    stage = arm_trial("s1", "e", "fpn", 0, 0.4, role="stage")
    sweep = make_sweep(trials=[user, stage])
    assert "begins with the pretraining s1 (trained for another trial or sweep, 12 s of training)" in story_text(
        why(sweep, "u")
    )
    text = story_text(why(sweep, "s1"))
    assert "1 trial begins with it: [0] e fpn (u1)" in text
    assert "no rungs: this sweep does not prune" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "^no trial begins with ''"),
        ("zz", r"^no trial begins with 'zz'; `seatbelt query SWEEP .* lists all$"),
        (
            "t",
            r"^2 trials begin with 't': \[0\] r f \(ta\), \[1\] r f, replicate 2 \(tb\); give the number",
        ),
        ("r", r"^'r' is an arm, not a trial; its trials are \[0\] r f \(ta\), \[1\] r f, repl"),
    ],
)
def test_mistakes_are_one_clear_line(make_sweep: MakeSweep, name: str, message: str) -> None:
    sweep = make_sweep(trials=[arm_trial("t" + "ab"[n], "r", "f", n, 0.5, number=n) for n in (0, 1)])
    with pytest.raises(UserError, match=message):
        why(sweep, name)


@pytest.mark.parametrize("name", ["1", "[1]", "best", "TB", "tb"])
def test_a_trial_is_named_by_its_number_or_as_the_best(make_sweep: MakeSweep, name: str) -> None:
    sweep = make_sweep(
        trials=[arm_trial("ta", "r", "f", 0, 0.5) | {"number": 0}, arm_trial("tb", "q", "f", 1, 0.6) | {"number": 1}]
    )
    assert why(sweep, name).trial_key == "tb"
    with pytest.raises(UserError, match=r"there is no trial \[2\]; trials are numbered \[0\] to \[1\]"):
        why(sweep, "[2]")


def test_digits_that_are_no_number_begin_a_key() -> None:
    trials = [
        TrialName(number=number, trial_key=key, arm_key="arm", name="resnet18 unet")
        for number, key in enumerate(("05aa", "12bb", "1299"))
    ]
    words = ("0", "05", "1", "[1]", "12b", "best")
    keys = {word: find_trial(trials, word, lambda: "best of all") for word in words}
    assert keys == {"0": "05aa", "05": "05aa", "1": "12bb", "[1]": "12bb", "12b": "12bb", "best": "best of all"}
    with pytest.raises(UserError, match="2 trials begin with '12'"):
        find_trial(trials, "12", lambda: "")


@pytest.mark.slow
def test_the_story_agrees_with_what_the_driver_decided(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "s")
    folder.create(describe(encoders=4, decoders=6, prune="asha", epochs=9))
    run_to_the_end(folder)
    sweep = load(folder.root)
    decided = {row["trial_key"]: row for row in sweep.decisions.to_dict(orient="records") if row["by"] == "asha"}
    for key in sweep.trials["trial_key"]:
        rungs = why(sweep, key).rungs
        assert bool(rungs) == (key in decided)
        for rung in rungs:
            row = decided[key]
            assert rung.score == pytest.approx(row["score"])
            assert rung.ahead is None or rung.ahead.score >= rung.score
            assert (rung.ahead is None) == (row["rank"] == 1)
            if rung.promoted:
                assert rung.best_waiting is None or rung.best_waiting.score <= rung.score
            else:
                assert rung.needed is None or rung.needed >= rung.score
    assert {rung["kind"] for rung in decided.values()} == {"promotion", "prune"}
