"""Models of a sweep in a bucket: exported, used and trained on everything, with the training in a bucket too."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import seatbelt
from runners.sweep_files.folder import SweepFolder
from tests.command_line import answer
from tests.conftest import MakeData
from tests.storage.server import BUCKET, Server


@pytest.mark.slow
def test_a_sweep_in_a_bucket_becomes_a_model(
    make_data: MakeData, s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    place, here = f"s3://{BUCKET}/{uuid.uuid4().hex}", ("--engine", "in-process", "--quiet")
    data = make_data()
    answer(
        *("sweep", "architecture", "--data", str(data), "--out", place, "--name", "s", "--max-epochs", "1"),
        *("--set", "encoder=lite0", "--set", "decoder=linknet", "--fix", "weights=none", "--fix", "real=true", *here),
    )
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "another machine"))
    answer("model", f"{place}/s", "--out", str(tmp_path / "model"))
    record = seatbelt.load_model(tmp_path / "model").record
    assert record.training.sweep == "s" and (tmp_path / "model" / "example-1.jpg").exists()
    text = answer("predict", f"{place}/s", str(data), "--split", "test", "--out", str(tmp_path / "predictions"))
    assert "4 images predicted" in text and "mean IoU" in text
    final = ("final", f"{place}/s", "--out", str(tmp_path / "final"), "--training", f"{place}/last", *here)
    answer(*final)
    trained = seatbelt.load_model(tmp_path / "final").record
    assert trained.training.trained_on == "selection" and trained.training.images["train real"] == 8
    assert SweepFolder(f"{place}/last").describe().trained_on == "selection"
    assert sorted(path.name for path in (tmp_path / "final").iterdir() if path.suffix != ".jpg") == [
        "README.md",
        "model.json",
        "model.safetensors",
    ]
