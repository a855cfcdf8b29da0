"""`seatbelt explain` of a sweep in a bucket: weights come from there, panels go into a folder."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from runners.sweep_files.folder import SweepFolder
from tests.command_line import answer
from tests.conftest import MakeData
from tests.storage.server import BUCKET, Server


@pytest.mark.slow
def test_a_trial_of_a_bucket_is_explained(
    make_data: MakeData, s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    arguments = [
        *("sweep", "architecture", "--data", str(make_data()), "--out", place, "--name", "s", "--max-epochs", "1"),
        *("--set", "encoder=lite0", "--set", "decoder=linknet", "--fix", "weights=none"),
        *("--engine", "in-process", "--quiet"),
    ]
    answer(*arguments)
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "another machine"))
    out = tmp_path / "panels"
    explained = json.loads(answer("explain", f"{place}/s", "best", "--square", "16", "--out", str(out), "--json"))
    assert [item["iou"] == item["recorded_iou"] for item in explained] == [True, True]
    assert sorted(path.suffix for path in out.iterdir()) == [".json", ".json", ".png", ".png"]
    assert [note for note, _, _ in SweepFolder(f"{place}/s").test_notes()] == ["explain"]
