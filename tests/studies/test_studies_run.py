"""Every study runs from end to end, in its smallest form."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatbelt.data.scenes import write_dataset
from tests.studies.small import GENERATIONS, STUDIES, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = {name: 12 if name == "camera" else 5 for name in GENERATIONS}
    return write_dataset(tmp_path_factory.mktemp("scenes") / "few", generations=few, size=(64, 32), processes=2)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs(name: str, scenes: Path, tmp_path: Path) -> None:
    more = ["--max-epochs", "1", "--engine", "in-process", "--size", "32x64"]
    limits = [] if name in ("pretraining", "randomization") else ["--trials", "5"]
    done = run(name, scenes, tmp_path, *more, *limits)
    arms = done.trials[done.trials["role"] == "arm"]
    assert len(arms) == {"pretraining": 18, "randomization": 4}.get(name, 5)
    assert set(done.trials["status"]) <= {"COMPLETE", "PRUNED"}
    assert arms["selection_iou"].notna().all()
    assert arms["arm_key"].is_unique
    if name == "pretraining":
        begun = arms[arms["stage_key"].notna()]
        assert len(begun) == 6
        assert len(done.trials) == 18, "the synthetic arms are the stages"
        assert done.trials["epochs_done"].sum() == 18 == 0.75 * 24
    if name == "augmentation":
        assert arms.sort_values("number")["cell"].head(4).str.contains('"arm"').all()
