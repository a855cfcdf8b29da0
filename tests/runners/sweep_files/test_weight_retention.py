"""The weights of finished trials that a policy retains."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.core.events import EpochMeasured, LegEnded, LegStarted
from runners.core.history import History
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.weight_retention import Retention, parse_keep
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from tests.runners.conftest import planned_trial


def finished(folder: SweepFolder, scores: dict[str, float], *, stage: str | None = None) -> History:
    """A history of complete trials, each with a file in its folder of checkpoints."""
    history = History()
    for number, (key, score) in enumerate(scores.items()):
        needs = stage if key != stage else None
        config = TrialConfig().model_dump(mode="json")
        history.apply(planned_trial(key, number, config=config, stage=needs))
        history.apply(LegStarted(trial_key=key, attempt=1, start=0, stop=1, at=0.0))
        history.apply(EpochMeasured(trial_key=key, attempt=1, epoch=1, score=score, metrics={}, at=0.0))
        history.apply(LegEnded(trial_key=key, attempt=1, outcome="complete", epoch=1, at=0.0))
        folder.checkpoints(key).write("weights", b"")
    return history


def retained(folder: SweepFolder) -> set[str]:
    return {path.name for path in (folder.root / "checkpoints").iterdir()}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("best", {"a", "b", "c"}),
        ("last", {"a", "b", "c"}),
        ("none", set()),
        ("top:2", {"a", "c"}),
        ("top:9", {"a", "b", "c"}),
    ],
)
def test_policies(tmp_path: Path, policy: str, expected: set[str]) -> None:
    folder = SweepFolder(tmp_path)
    Retention(folder, finished(folder, {"a": 0.5, "b": 0.1, "c": 0.3}), policy).tidy()
    assert retained(folder) == expected


def test_a_stage_is_retained_whatever_the_policy_says(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    history = finished(folder, {"a": 0.1, "b": 0.5}, stage="a")
    history.stages.first_user["a"] = "b"
    Retention(folder, history, "none").tidy()
    assert retained(folder) == {"a"}


def test_policies_that_do_not_exist() -> None:
    assert parse_keep("top:3") == ("top", 3)
    for wrong in ("top", "top:0", "all", ""):
        with pytest.raises(UserError, match=f"--keep-weights takes best, last, none or top:N, but got '{wrong}'"):
            parse_keep(wrong)
