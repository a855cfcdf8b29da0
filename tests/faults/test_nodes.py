"""Nodes of a real cluster die and join during a sweep; so does the head."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from runners.core.history import History
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.conftest import MakeData
from tests.faults.kills import Report, compare_tables, epochs_of, examine_journal, wait_for_epochs
from tests.faults.nodes import Nodes, driver, environment

pytestmark = [pytest.mark.alone, pytest.mark.long]

EPOCHS = 24


def command(data: Path, out: Path, name: str, *more: str) -> list[str]:
    return driver(
        *("sweep", "architecture", "--data", str(data), "--out", str(out), "--name", name, "--quiet"),
        *("--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--set", "decoder_learning_rate=0.0003,0.001"),
        *("--fix", "weights=none", "--max-epochs", str(EPOCHS), "--checkpoint-share", "1", *more),
        # The GPUs are pretended.
        *("--device", "cpu"),
    )


def wait_until_running(folder: SweepFolder, count: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 100
    while len(History(read_events(folder)).running) < count:
        assert process.poll() is None and time.monotonic() < until, "the nodes that joined are not used"
        time.sleep(0.2)


def test_a_sweep_outlives_its_nodes_and_its_head(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    undisturbed, disturbed = SweepFolder(tmp_path / "undisturbed"), SweepFolder(tmp_path / "disturbed")
    here = command(data, tmp_path, "undisturbed", "--engine", "in-process")
    subprocess.run(here, check=True, env=environment(), timeout=500)
    there = command(data, tmp_path, "disturbed", "--gpus-per-trial", "0.5")
    with Nodes() as nodes:
        first = nodes.add(gpus=1)
        with subprocess.Popen(
            [*there, "--address", nodes.address], stderr=subprocess.PIPE, text=True, env=environment()
        ) as process:
            wait_for_epochs(disturbed, 6, process)
            second = nodes.add(gpus=1)
            wait_until_running(disturbed, 4, process)
            nodes.kill(first)
            acknowledged = epochs_of(disturbed)
            wait_for_epochs(disturbed, len(acknowledged) + 20, process)
            assert acknowledged <= epochs_of(disturbed)
            nodes.add(gpus=1)
            nodes.kill(second)
            acknowledged = epochs_of(disturbed)
            wait_for_epochs(disturbed, len(acknowledged) + 10, process)
            # The head goes, and the driver with it.
            process.kill()
    acknowledged = epochs_of(disturbed)
    with Nodes() as nodes:
        nodes.add(gpus=1)
        subprocess.run([*there, "--address", nodes.address], check=True, env=environment(), timeout=500)
    assert acknowledged <= epochs_of(disturbed)
    report = Report()
    examine_journal(disturbed, report)
    compare_tables(undisturbed, disturbed, report)
    assert report.differences == []
    assert report.duplicates == report.acknowledged_trained_again == 0
    trials = pd.read_parquet(disturbed.root / "trials")
    assert set(trials["status"]) == {"COMPLETE"}
    assert trials["machine_faults"].sum() >= 2, "legs of the nodes that died"
    assert trials["failures"].sum() == 0, "which is no fault of the trials"
