"""`seatbelt final` on a tiny sweep that was trained."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pandas as pd
import pytest

import seatbelt
from runners.sweep_files.folder import SweepFolder
from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import SweepData
from tests.command_line import answer, mistake
from tests.command_line import seatbelt as run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("models")]

HERE = ("--engine", "in-process", "--quiet")


def final(sweep: Path, *arguments: str) -> str:
    return answer("final", str(sweep), *arguments, *HERE)


def test_it_trains_on_everything_but_the_test_images(sweep: Path, tmp_path: Path) -> None:
    text = final(sweep, "decoder=fpn", "--out", str(tmp_path / "f"))
    rows = pd.read_parquet(sweep / "trials").query("decoder == 'fpn'")
    epochs = int(statistics.median(rows["best_epoch"]) + 0.5)
    assert f"({'the median of the best epochs'} {', '.join(map(str, sorted(rows['best_epoch'])))})" in text
    record = seatbelt.load_model(tmp_path / "f").record
    assert record.training.epochs == (epochs,) and record.training.trained_on == "selection"
    # 4 people with 3 images each train or select, and all 4 synthetic images.
    assert record.training.images["train real"] == 12 and record.training.images["train synthetic"] == 4
    assert record.training.images["test"] == 6
    card = (tmp_path / "f" / "README.md").read_text()
    assert "**No honest score of this model exists on the images that selected it" in card
    assert "of this model, over 2 subjects: these images took no part." in card
    assert "The arm in the search: selection IoU" in card and "seatbelt confirm" in card
    description = SweepFolder(tmp_path / "f" / "training").describe()
    assert description.study == "final" and description.base.epochs == epochs


def test_with_test_images_no_test_score_is_left(sweep: Path, tmp_path: Path) -> None:
    final(sweep, "decoder=fpn", "--out", str(tmp_path / "f"), "--with-test", "--epochs", "1")
    record = seatbelt.load_model(tmp_path / "f").record
    assert record.training.images["train real"] == 18 and record.training.images["test"] == 0
    assert record.scores == {"selection_iou": None, "test_iou": None}
    card = (tmp_path / "f" / "README.md").read_text()
    assert "The test images trained it too, so that no test score of it exists." in card


def test_seeds_are_averaged_or_written_one_by_one(sweep: Path, tmp_path: Path) -> None:
    several = ("--seeds", "2", "--epochs", "1")
    final(sweep, "decoder=fpn", "--out", str(tmp_path / "e"), *several, "--ensemble", "--no-pictures")
    record = seatbelt.load_model(tmp_path / "e").record
    assert record.members == 2 and record.training.seeds == (0, 1)
    final(sweep, "decoder=fpn", "--out", str(tmp_path / "two"), *several, "--no-pictures")
    singles = [seatbelt.load_model(tmp_path / "two" / name) for name in ("seed-0", "seed-1")]
    assert [model.record.training.seeds for model in singles] == [(0,), (1,)]


def test_the_same_command_continues_and_another_one_is_refused(sweep: Path, tmp_path: Path) -> None:
    place = ("--out", str(tmp_path / "f"), "--epochs", "1")
    final(sweep, "decoder=fpn", *place)
    epochs = len(pd.read_parquet(tmp_path / "f" / "training" / "epochs"))
    assert "holds a model already; --force replaces it" in mistake("final", str(sweep), "decoder=fpn", *place, *HERE)
    final(sweep, "decoder=fpn", *place, "--force", "--seeds", "2", "--ensemble")
    assert len(pd.read_parquet(tmp_path / "f" / "training" / "epochs")) == epochs + 1
    other = mistake("final", str(sweep), "decoder=linknet", *place, "--force", *HERE)
    assert "holds another training (base.model.decoder:" in other
    more = mistake("final", str(sweep), "decoder=fpn", *place, "--force", "--with-test", *HERE)
    assert "holds another training (trained_on:" in more


def test_its_scores_rank_nothing(sweep: Path, tmp_path: Path) -> None:
    final(sweep, "--out", str(tmp_path / "f"), "--epochs", "1", "--no-pictures")
    training = str(tmp_path / "f" / "training")
    assert "is a final training: its models were trained on the images that select" in mistake("best", training)
    assert "is a final training already" in mistake("final", training, "--out", str(tmp_path / "g"))


def test_the_plan_is_shown_first(sweep: Path, tmp_path: Path) -> None:
    text = answer("final", str(sweep), "decoder=fpn", "--out", str(tmp_path / "f"), "--dry-run", *HERE)
    assert "16 images train, " in text and "validation and selection images train too" in text
    assert not (tmp_path / "f").exists()
    assert "--ensemble averages several seeds" in mistake("final", str(sweep), "--out", "x", "--ensemble", *HERE)


def test_an_arm_of_synthetic_images_stays_one(sweep: Path) -> None:
    description = SweepFolder(sweep).describe()
    config = TrialConfig.model_validate(description.base).with_fields({"data.real": False})
    data = SweepData.of(description.model_copy(update={"trained_on": "everything"}))
    parts = data.partition(config)
    assert {data.row(sample).domain for sample in parts.train} == {"synthetic"} and len(parts.train) == 4


def test_a_seed_that_failed_is_named(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runners.worker.leg as leg

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no luck today")

    monkeypatch.setattr(leg, "fit", fail)
    result = run("final", str(sweep), "--out", str(tmp_path / "f"), "--epochs", "1", *HERE)
    assert result.code == 2 and "seed 0 ended FAILED" in result.err and "--retry failed" in result.err
    assert json.loads((tmp_path / "f" / "training" / "sweep.json").read_text())["trained_on"] == "selection"
