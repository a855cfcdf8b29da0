"""Real sweeps on both engines, through the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import seatbelt
from tests.conftest import ROOT, MakeData

UNEQUAL = ["planned_at", "ended_at", "at", "train_seconds", "evaluation_seconds", "seconds", "images_per_s"]


def sweep_arguments(data: Path, out: Path, name: str, *more: str) -> list[str]:
    return [
        *("sweep", "architecture", "--data", str(data), "--out", str(out), "--name", name),
        *("--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none", "--slots", "2", *more),
    ]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "runners.cli", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def table(folder: Path, name: str) -> pd.DataFrame:
    frame = pd.read_parquet(folder / name).drop(columns=UNEQUAL, errors="ignore")
    return frame.sort_values([c for c in ("trial_key", "epoch", "image") if c in frame], ignore_index=True)


@pytest.mark.slow
def test_both_engines_give_the_same_tables(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    options = ["--max-epochs", "2", "--tensorboard"]
    on_ray = command(*sweep_arguments(data, tmp_path, "ray", *options))
    done = subprocess.run(on_ray, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    here = seatbelt(*sweep_arguments(data, tmp_path, "in-process", *options, "--engine", "in-process"))
    assert here.code == 0, here.err
    for errors in (done.stderr, here.err):
        assert "finished: every arm has its trials" in errors
        assert "complete: best selection IoU" in errors
    for name in ("trials", "epochs", "images"):
        first, second = table(tmp_path / "ray", name), table(tmp_path / "in-process", name)
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    trials = table(tmp_path / "ray", "trials")
    assert trials["status"].tolist() == ["COMPLETE"] * 2
    assert trials["test_iou"].notna().all()
    assert trials["output_stride"].tolist() == [32, 32]
    counts = ["train_real", "train_synthetic", "validation_images", "selection_images", "test_images"]
    assert trials[counts].values.tolist() == [[6, 0, 2, 2, 4]] * 2
    check_event_files(tmp_path / "ray", trials)


def check_event_files(sweep: Path, trials: pd.DataFrame) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    runs = sorted((sweep / "tensorboard").iterdir())
    assert len(runs) == len(trials)
    for run, trial in zip(runs, trials.sort_values("number").itertuples(), strict=True):
        events = EventAccumulator(str(run))
        events.Reload()
        best = max(scalar.value for scalar in events.Scalars("selection_iou"))
        assert best == pytest.approx(trial.selection_iou, rel=1e-6)


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_signal_ends_a_sweep_cleanly_and_it_continues(
    make_data: MakeData, tmp_path: Path, number: signal.Signals
) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    arguments = command(*sweep_arguments(data, tmp_path, "s", "--max-epochs", "60"))
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        wait_for_epochs(tmp_path / "s", process)
        refused = subprocess.run(arguments, capture_output=True, text=True, env=environment(), timeout=100)
        assert refused.returncode == 2
        assert f"is being written by process {process.pid} on" in refused.stderr
        process.send_signal(number)
        _, log = process.communicate(timeout=100)
        assert process.returncode == 0, log
    assert f"stopped: {number.name}" in log
    assert "Traceback" not in log
    before = table(tmp_path / "s", "epochs")
    assert set(table(tmp_path / "s", "trials")["status"]) <= {"INTERRUPTED", "COMPLETE"}
    arguments = command("resume", str(tmp_path / "s"), "--slots", "2")
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        wait_for_epochs(tmp_path / "s", process, count=len(before) + 2)
        assert seatbelt("stop", str(tmp_path / "s"), "--wait", "100").code == 0
        _, log = process.communicate(timeout=100)
        assert process.returncode == 0, log
    assert f"resumed: 2 trials and {len(before)} epochs are recorded" in log
    assert "stopped: stop was asked for" in log
    after = table(tmp_path / "s", "epochs")
    assert len(after) > len(before)
    assert not after.duplicated(["trial_key", "epoch"]).any()


def wait_for_epochs(sweep: Path, process: subprocess.Popen[str], count: int = 3) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if any((sweep / "epochs").glob("*.parquet")) and len(pd.read_parquet(sweep / "epochs")) >= count:
            return
        time.sleep(0.2)
    raise AssertionError("no epochs were recorded")
