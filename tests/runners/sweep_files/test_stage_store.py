"""Pretraining stages that sweeps share."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pandas as pd
import pytest

from runners.sweep_files import lease
from runners.sweep_files.stage_store import LEASE_SECONDS, StageStore
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, Storage, open_storage
from tests.command_line import answer
from tests.conftest import MakeData

ME = f"process {os.getpid()} on {socket.gethostname()} (for 0 min)"


def checkpoint(folder: Path, content: bytes = b"weights") -> Storage:
    folder.mkdir(parents=True)
    (folder / "best").write_bytes(content)
    return LocalStorage(folder)


def test_a_stage_is_available_when_it_is_complete(tmp_path: Path) -> None:
    store = StageStore(tmp_path / "stages")
    assert store.find("abc") is None
    store.publish("abc", checkpoint(tmp_path / "one"), {"seconds": 12.5})
    stage = store.find("abc")
    assert stage is not None
    assert stage.seconds == 12.5
    assert open_storage(stage.location).read("best") == b"weights"
    store.publish("abc", checkpoint(tmp_path / "two", b"others"), {"seconds": 1.0})
    assert store.find("abc") == stage, "the first one stays"


def test_what_a_killed_publisher_leaves_is_not_taken_for_whole(tmp_path: Path) -> None:
    store = StageStore(tmp_path / "stages")
    checkpoint(tmp_path / "stages" / "half" / "checkpoint-1234")
    assert store.find("half") is None
    store.publish("half", checkpoint(tmp_path / "one"), {"seconds": 1.0})
    assert store.find("half") is not None


def store_of_another_machine(location: Path, monkeypatch: pytest.MonkeyPatch) -> StageStore:
    store = StageStore(location)
    other = {**lease.who_am_i(), "pid": 7, "host": "another", "machine": "another"}
    with monkeypatch.context() as patch:
        patch.setattr(lease, "who_am_i", lambda: other)
        # Any call names the lease of a stage, under the identity of this machine.
        store.release("abc")
    return store


def test_one_sweep_at_a_time_trains_a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = StageStore(tmp_path / "stages"), store_of_another_machine(tmp_path / "stages", monkeypatch)
    assert first.take("abc") is None
    assert first.take("abc") is None, "taking it again renews it"
    assert second.take("abc") == ME
    second.release("abc")
    assert second.take("abc") == ME, "only the holder gives it back"
    first.release("abc")
    assert second.take("abc") is None


def test_a_lease_of_a_sweep_that_died_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = StageStore(tmp_path / "stages"), store_of_another_machine(tmp_path / "stages", monkeypatch)
    assert first.take("abc") is None
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert second.take("abc") == ME
    now += LEASE_SECONDS + 1
    assert first.take("abc") is None, "its holder lives after all"
    assert second.take("abc") == ME, "so that the time begins anew"
    now += LEASE_SECONDS + 1
    assert second.take("abc") is None
    assert first.take("abc") == "process 7 on another (for 0 min)"


def test_a_damaged_entry_is_reported_and_replaced(tmp_path: Path) -> None:
    reports: list[str] = []
    store = StageStore(tmp_path / "stages", reports.append)
    store.publish("abc", checkpoint(tmp_path / "one"), {"seconds": 1.0})
    (tmp_path / "stages" / "abc" / "stage.json").write_text("{")
    assert store.find("abc") is None
    assert "abc/stage.json is damaged" in reports[0]
    store.publish("abc", checkpoint(tmp_path / "two", b"others"), {"seconds": 2.0})
    stage = store.find("abc")
    assert stage is not None
    assert open_storage(stage.location).read("best") == b"others"


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--stages .*file cannot be written \(File exists\)"):
        StageStore(tmp_path / "file")


@pytest.mark.slow
def test_a_second_sweep_trains_no_stage_again(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2, generations={"2": 6, "3": 6})
    frames = []
    for name in ("one", "two"):
        command = ["sweep", "pretraining", "--data", str(data), "--name", name]
        command += ["--out", str(tmp_path), "--set", "architecture=linknet/lite0", "--fix", "weights=none"]
        command += ["--set", "regime=synthetic_then_real@2+3", "--fix", "pretraining_epochs=2"]
        command += ["--max-epochs", "1", "--engine", "in-process", "--stages", str(tmp_path / "stages")]
        answer(*command)
        frames.append(pd.read_parquet(tmp_path / name / "trials"))
    first, second = frames
    assert sorted(first["role"]) == ["arm", "stage"]
    assert first.set_index("role")["epochs_done"].to_dict() == {"arm": 1, "stage": 2}
    assert second["role"].tolist() == ["arm"]
    arms = [frame[frame["role"] == "arm"].iloc[0] for frame in frames]
    assert [bool(arm["stage_reused"]) for arm in arms] == [False, True]
    assert arms[1]["stage_seconds"] > 0
    # Trials that begin with the same weights give the same numbers.
    assert arms[0]["selection_iou"] == arms[1]["selection_iou"]
    assert arms[0]["test_iou"] == arms[1]["test_iou"]
    (entry,) = (tmp_path / "stages").glob("*/stage.json")
    assert json.loads(entry.read_text())["epochs"] == 2
