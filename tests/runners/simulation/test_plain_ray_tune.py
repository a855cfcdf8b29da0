"""Plain Ray Tune and the product see the same scores, so that their searches can be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from runners.cluster.token import ensure_token
from tests.benchmarks.head_to_head import STUDY
from tests.conftest import ROOT, MakeData


def run(module: str, *options: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", module, *options], check=True, cwd=ROOT, env=environment, timeout=300)


@pytest.mark.alone
@pytest.mark.long
def test_plain_ray_tune_and_the_product_see_the_same_scores(make_data: MakeData, tmp_path: Path) -> None:
    data, plain = make_data(), tmp_path / "plain"
    plain.mkdir()
    ensure_token(create=True)
    protocol = ["--data", str(data), "--size", "32x64", "--seed", "3"]
    # Ten epochs at three a trial reach the third trial, the first whose score is above 0.
    run("tests.benchmarks.plain_ray_tune", *protocol, "--out", str(plain), "--epochs", "3", "--budget", "10")
    result = json.loads((plain / "result.json").read_text())
    assert sum(len(trial["scores"]) for trial in result["trials"]) >= 10  # another epoch may end together with the last
    trained = max(result["trials"], key=lambda trial: max(trial["scores"]))
    assert max(trained["scores"]) > 0.01

    fixed = [f"--set={name}={level}" for name, level in trained["config"].items()]
    sweep = ["sweep", str(STUDY), *protocol, *fixed, "--out", str(tmp_path), "--name", "ours", "--engine", "in-process"]
    run("runners.cli", *sweep, "--propose", "random", "--trials", "1", "--max-epochs", "3", "--quiet")
    scores = pd.read_parquet(tmp_path / "ours" / "epochs").sort_values("epoch")["selection_iou"].tolist()
    assert trained["scores"] == scores[: len(trained["scores"])]
