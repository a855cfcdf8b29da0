from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runners.sweep_files.folder import SweepFolder
from tests.conftest import MakeData
from tests.faults.kills import Report, disturb, epochs_of, examine_journal, kill_below, wait_for_epochs
from tests.faults.nodes import environment


@pytest.mark.alone
def test_a_driver_and_a_worker_are_killed(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=8, images=3, test_subjects=2)
    report = disturb(data, tmp_path / "sweeps", drivers=1, workers=1, seed=1, epochs=4, decoders="fpn,linknet")
    assert report.kills >= 2
    assert report.acknowledged_lost == 0
    assert report.duplicates == 0
    assert report.acknowledged_trained_again == 0
    assert report.differences == []
    assert report.passed()


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("process", ["raylet", "gcs_server"])
def test_a_process_of_ray_itself_is_killed(make_data: MakeData, tmp_path: Path, process: str) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    command = [sys.executable, "-m", "runners.cli", "sweep", "architecture", "--data", str(data)]
    command += ["--out", str(tmp_path), "--set", "encoder=lite0", "--set", "decoder=fpn,linknet"]
    command += ["--fix", "weights=none", "--slots", "2"]
    command += ["--checkpoint-share", "1"]
    folder = SweepFolder(tmp_path / "architecture")
    command += ["--max-epochs", "150"]
    # By default, workers wait a minute for a control service to come back.
    impatient = {**environment(), "RAY_gcs_rpc_server_reconnect_timeout_s": "10"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=impatient) as driver:
        wait_for_epochs(folder, 4, driver)
        assert kill_below(driver.pid, process)
        _, errors = driver.communicate(timeout=200)
    assert driver.returncode == 1, errors
    acknowledged = epochs_of(folder)
    assert len(acknowledged) >= 4
    with subprocess.Popen([*command, "--quiet"], env=environment()) as resumed:
        wait_for_epochs(folder, len(acknowledged) + 4, resumed)
        resumed.terminate()
    assert resumed.returncode == 0
    assert acknowledged < epochs_of(folder)
    report = Report()
    examine_journal(folder, report)
    assert report.duplicates == report.acknowledged_trained_again == 0
