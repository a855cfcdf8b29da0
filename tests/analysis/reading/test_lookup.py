"""Arms and trials by every word that a user may type."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.reading.lookup import find_arm, find_trial, trial_names
from seatbelt.errors import UserError
from tests.analysis.numbers import arm_trial


@pytest.fixture
def trials() -> pd.DataFrame:
    """Two arms, a confirmation and a stage; the key of trial 0 begins with a number of another trial."""
    return pd.DataFrame(
        [
            arm_trial("1aa", "resnet18", "unet", 0, 0.5, number=0),
            arm_trial("bbb", "resnet18", "fpn", 0, 0.6, number=1),
            arm_trial("ccc", "resnet18", "fpn", 100_000, 0.6, number=2, role="confirmation"),
            arm_trial("ddd", "resnet18", "fpn", 0, 0.1, number=3, role="stage") | {"arm_key": "stage"},
        ]
    )


def best() -> str:
    return "bbb"


@pytest.mark.parametrize(
    ("word", "arm"),
    [
        ("best", "resnet18-fpn"),
        ("0", "resnet18-unet"),
        ("[0]", "resnet18-unet"),
        ("1", "resnet18-fpn"),
        ("[2]", "resnet18-fpn"),
        ("1a", "resnet18-unet"),
        ("resnet18 fpn", "resnet18-fpn"),
        ("decoder=unet", "resnet18-unet"),
        ("resnet18-u", "resnet18-unet"),
    ],
)
def test_the_words_for_an_arm(trials: pd.DataFrame, word: str, arm: str) -> None:
    assert find_arm(trials, word, best).arm_key == arm


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "resnet18",
            r"^2 arms are called 'resnet18': \[0\] resnet18 unet, \[1\] resnet18 fpn; give the number of one$",
        ),
        ("encoder=resnet18", r"^2 arms have encoder=resnet18: \[0\] .* fpn; give decoder too$"),
        ("[3]", r"^trial \[3\] resnet18 fpn, pretraining \(ddd\) is no trial of an arm; "),
        ("[9]", r"^there is no trial \[9\]; trials are numbered \[0\] to \[3\]$"),
        ("9", r"^no arm is called '9'"),
    ],
)
def test_mistakes_name_the_candidates(trials: pd.DataFrame, word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_arm(trials, word, best)


@pytest.mark.parametrize(
    ("word", "key"), [("best", "bbb"), ("2", "ccc"), ("[3]", "ddd"), ("1", "bbb"), ("1a", "1aa"), ("DD", "ddd")]
)
def test_the_words_for_a_trial(trials: pd.DataFrame, word: str, key: str) -> None:
    assert find_trial(trial_names(trials), word, best) == key


def test_an_arm_is_no_trial(trials: pd.DataFrame) -> None:
    message = r"^'resnet18 fpn' is an arm, not a trial; its trials are \[1\] resnet18 fpn \(bbb\)$"
    with pytest.raises(UserError, match=message):
        find_trial(trial_names(trials), "resnet18 fpn", best)


def test_a_sweep_without_trials() -> None:
    empty = pd.DataFrame([arm_trial("a", "e", "d", 0, 0.5, number=0)]).iloc[:0]
    with pytest.raises(UserError, match="the sweep has no trials yet"):
        find_arm(empty, "best", best)
    with pytest.raises(UserError, match="there is no trial"):
        find_trial([], "[0]", best)
