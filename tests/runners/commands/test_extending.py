"""Sweeps that grow, through the command line: levels, epochs, confirmations, weights, and refusals."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pandas as pd
import pytest

from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.command_line import Result, seatbelt
from tests.conftest import MakeData

pytestmark = pytest.mark.slow

BASE = ["--fix", "weights=none", "--set", "encoder=lite0", "--engine", "in-process", "--size", "32x64"]


class Cli:
    """Runs commands on one data set and one sweep folder."""

    def __init__(self, data: Path, out: Path) -> None:
        self.data, self.out = data, out

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        with contextlib.chdir(self.out):
            result = seatbelt(*arguments)
        assert result.code == code, result.text
        return result

    def sweep(self, *more: str, code: int = 0) -> Result:
        return self(
            "sweep",
            "architecture",
            "--data",
            str(self.data),
            "--out",
            str(self.out),
            "--name",
            "a",
            *BASE,
            *more,
            code=code,
        )

    def table(self, name: str, sweep: str = "a") -> pd.DataFrame:
        return pd.read_parquet(self.out / sweep / name)


@pytest.fixture
def cli(make_data: MakeData, tmp_path: Path) -> Cli:
    return Cli(make_data(subjects=6, images=2, test_subjects=2), tmp_path)


def test_levels_and_epochs_are_added_and_nothing_is_trained_twice(cli: Cli) -> None:
    cli.sweep("--set", "decoder=fpn", "--max-epochs", "1", "--keep-weights", "last")
    cli.sweep("--set", "decoder=fpn,linknet", "--max-epochs", "1", "--keep-weights", "last")
    assert cli.table("trials")[["decoder", "epochs_done", "attempts"]].values.tolist() == [
        ["fpn", 1, 1],
        ["linknet", 1, 1],
    ]
    preview = cli.sweep("--set", "decoder=fpn,linknet", "--max-epochs", "1", "--keep-weights", "last", "--dry-run")
    assert "left       nothing: 2 trials and 2 epochs are done" in preview.out
    cli("resume", "a", "--max-epochs", "2", "--engine", "in-process")
    trials = cli.table("trials")
    assert trials["epochs_done"].tolist() == [2, 2]
    assert trials["status"].tolist() == ["COMPLETE"] * 2
    # The later measurement of the test images replaces the earlier one.
    assert cli.table("images").groupby("trial_key").size().tolist() == [4, 4]
    began = [event.facts["from_epoch"] for event in read_events(SweepFolder(cli.out / "a")) if hasattr(event, "facts")]
    assert began == [0, 0, 1, 1], "they went on from their checkpoints"
    longer = cli.table("epochs")
    fresh = Cli(cli.data, cli.out / "fresh")
    fresh.out.mkdir()
    fresh.sweep("--set", "decoder=fpn,linknet", "--max-epochs", "2")
    columns = ["trial_key", "epoch", "selection_iou", "train_loss"]
    one, other = (
        frame[columns].sort_values(columns[:2], ignore_index=True) for frame in (longer, fresh.table("epochs"))
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("schedule", ["plateau,cosine", "polynomial"])
def test_trials_whose_schedule_has_an_end_cannot_become_longer(cli: Cli, schedule: str) -> None:
    words = ("--set", "decoder=fpn", "--set", f"schedule={schedule}")
    cli.sweep(*words, "--max-epochs", "1")
    name = schedule.split(",")[-1]
    for done in (
        cli.sweep(*words, "--max-epochs", "2", code=2),
        cli("resume", "a", "--max-epochs", "2", "--engine", "in-process", code=2),
    ):
        assert f"the learning rates of this sweep fall to 0 at epoch 1 ({name})" in done.err
    assert cli.table("trials")["epochs_done"].tolist() == [1] * len(schedule.split(","))


def test_what_would_falsify_earlier_rows_is_refused_with_the_difference(cli: Cli) -> None:
    cli.sweep("--set", "decoder=fpn", "--max-epochs", "1")
    done = cli.sweep("--set", "decoder=fpn", "--max-epochs", "1", "--fix", "batch_size=2", code=2)
    assert "a holds another sweep (base.optimisation.batch_size: 4 there, 2 now); choose another --name" in done.err
    done = cli.sweep("--set", "decoder=linknet", "--max-epochs", "1", code=2)
    assert 'factors.decoder: ["fpn"] there, ["linknet"] now' in done.err
    path = cli.out / "a" / "sweep.json"
    description = json.loads(path.read_text())
    description["code"]["models/losses.py"] = "another"
    path.write_text(json.dumps(description))
    done = cli("resume", "a", "--engine", "in-process", code=2)
    assert "the code that decides numbers changed since the sweep began (models/losses.py)" in done.err
    cli("resume", "a", "--engine", "in-process", "--accept-code-change")


def test_what_still_holds_is_taken_over(cli: Cli) -> None:
    cli.sweep("--set", "decoder=fpn,linknet", "--max-epochs", "1")
    done = cli.sweep("--set", "decoder=linknet,unet", "--max-epochs", "1", "--as-new", "b")
    assert "2 complete trials are taken over" in done.err
    trials = cli.table("trials", "b").sort_values("decoder")
    assert trials[["decoder", "role"]].values.tolist() == [["fpn", "copied"], ["linknet", "arm"], ["unet", "arm"]]
    assert len(cli.table("epochs", "b")) == 3
    ranked = json.loads(cli("best", "b", "--json").out)
    assert sorted(arm["decoder"] for arm in ranked["arms"]) == ["linknet", "unet"]
    done = cli.sweep("--set", "decoder=unet", "--max-epochs", "1", "--as-new", "b", code=2)
    assert "b exists already; choose another name for --as-new" in done.err


def test_leading_arms_are_confirmed_and_the_look_at_test_scores_is_recorded(cli: Cli) -> None:
    cli.sweep("--set", "decoder=fpn,linknet", "--max-epochs", "1", "--keep-weights", "top:1")
    assert len(list((cli.out / "a" / "checkpoints").iterdir())) == 1
    options = ["--top", "1", "--replicates", "2", "--engine", "in-process", "--quiet"]
    done = cli("confirm", "a", *options, "--json")
    arms = json.loads(done.out)["arms"]
    assert {arm["replicates"] for arm in arms} == {2}
    trials = cli.table("trials")
    confirmed = trials[trials["role"] == "confirmation"]
    assert set(confirmed.groupby("arm_key")["seed"].apply(tuple)) == {(100_000, 100_001)}
    again = cli("confirm", "a", *options)
    assert "shrinkage" in again.out
    assert len(cli.table("trials")) == len(trials), "nothing is missing, so that nothing is trained"
    cli("best", "a", "--by", "test")
    cli("resume", "a", "--engine", "in-process")
    read = [event.command for event in read_events(SweepFolder(cli.out / "a")) if hasattr(event, "command")]
    assert read == ["confirm", "confirm", "best --by test"]
    assert trials[trials["role"] == "arm"]["arm_key"].nunique() == 2
    done = cli("confirm", "a", *options, "--arm", "none", code=2)
    assert "no arm is called 'none'" in done.err
