"""Every study runs from end to end, in its smallest form."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from seatbelt.data.scenes import write_dataset
from tests.command_line import answer
from tests.studies.small import GENERATIONS, STUDIES, arguments

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = {name: 12 if name == "camera" else 5 for name in GENERATIONS}
    return write_dataset(tmp_path_factory.mktemp("scenes") / "few", generations=few, size=(64, 32), processes=2)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs(name: str, scenes: Path, tmp_path: Path) -> None:
    more = ["--max-epochs", "1", "--engine", "in-process", "--size", "32x64"]
    limits = [] if name in ("pretraining", "randomization") else ["--trials", "5"]
    answer(*arguments(name, scenes, tmp_path, *more, *limits))
    trials = pd.read_parquet(tmp_path / name / "trials")
    arms = trials[trials["role"] == "arm"]
    assert len(arms) == {"pretraining": 18, "randomization": 4}.get(name, 5)
    assert set(trials["status"]) <= {"COMPLETE", "PRUNED"}
    assert arms["selection_iou"].notna().all()
    assert arms["arm_key"].is_unique
    if name == "pretraining":
        begun = arms[arms["stage_key"].notna()]
        assert len(begun) == 6
        assert len(trials) == 18, "the synthetic arms are the stages"
        assert trials["epochs_done"].sum() == 18 == 0.75 * 24
    if name == "augmentation":
        assert arms.sort_values("number")["cell"].head(4).str.contains('"arm"').all()
