"""A sweep without training, whose legs tests write, and a small one that was trained."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from runners.core.events import Planned
from runners.core.halving import default_rungs
from runners.core.plan import Limits
from runners.session.driver import Driver
from runners.session.progress import Progress
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.worker.messages import EpochReport, LegResult, LegTask
from search_spaces.axes import factor
from seatbelt.config.trial import TrialConfig
from seatbelt.records.sweep import DataSource
from seatbelt.records.tables import SCORES
from tests.command_line import answer
from tests.conftest import draw_data

EPOCHS = 3


def describe(*, encoders: int = 2, decoders: int = 2, prune: str = "none", epochs: int = EPOCHS) -> SweepDescription:
    factors = (
        factor("encoder", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"][:encoders]),
        factor("decoder", ["fpn", "unet", "linknet", "deeplabv3", "deeplabv3plus", "unetplusplus"][:decoders]),
    )
    return SweepDescription(
        study="architecture",
        question="Which?",
        base=TrialConfig().with_fields({"epochs": epochs}),
        factors=tuple(f.record() for f in factors),
        propose="exhaustive",
        prune=prune,
        rungs=default_rungs(epochs, 3) if prune == "asha" else (epochs,),
        eta=3,
        exempt_every=8,
        retries=2,
        data=(DataSource(path="nowhere", name="none", fingerprint="f" * 64),),
        select_on="real",
        selection=((0, 0),),
        weights={},
        baselines={"all background": 0.25},
        device="cpu",
        threads=1,
        workers=0,
        checkpoint_share=1.0,
        created="2026-01-01T00:00:00+00:00",
        command="seatbelt sweep architecture",
        versions={},
    )


def metrics(score: float) -> dict[str, Any]:
    plain = {
        name: 0.5
        for name in (
            "train_loss",
            "validation_loss",
            "validation_iou",
            "selection_loss",
            "encoder_learning_rate",
            "decoder_learning_rate",
            "train_seconds",
            "evaluation_seconds",
            "images_per_s",
        )
    }
    return {**plain, **{f"selection_{column.name}": score for column in SCORES}}


def epoch_message(epoch: int, score: float) -> EpochReport:
    return EpochReport(epoch=epoch, metrics=metrics(score))


def ended_message(
    outcome: Literal["paused", "complete", "diverged", "out_of_memory", "error"], epoch: int
) -> LegResult:
    complete = outcome == "complete"
    image = {"dataset": "none", "image": "a.png", "subject": "p", "iou": 0.5, "dice": 0.6}
    return LegResult(
        outcome=outcome,
        epoch=epoch,
        test={column.name: 0.4 for column in SCORES} if complete else None,
        images=[{**image, "intersection": 1, "predicted": 2, "target": 1}] if complete else [],
    )


def work(driver: Driver, spec: LegTask) -> None:
    """Run a leg as a worker would, with scores that follow from the trial."""
    quality = int(spec.trial_key[:6], 16) / 16**6
    for epoch in range(spec.recorded_epochs + 1, spec.stop + 1):
        driver.handle(spec, epoch_message(epoch, quality * epoch / 10))
    outcome = "complete" if spec.stop == spec.config.epochs else "paused"
    driver.handle(spec, ended_message(outcome, spec.stop))


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    sweep_folder = SweepFolder(tmp_path / "sweep")
    sweep_folder.create(describe())
    return sweep_folder


def open_driver(folder: SweepFolder, limits: Limits | None = None) -> Driver:
    return Driver.open(folder, folder.describe(), limits or Limits(), Progress(quiet=True))


def planned_trial(key: str, number: int = 0, **changes: Any) -> Planned:
    """Return the event that plans a trial which nothing prunes."""
    trial = Planned(
        trial_key=key,
        arm_key=key,
        number=number,
        position=number,
        cell={},
        replicate=0,
        config={},
        exempt=True,
        by="exhaustive",
        at=0.0,
    )
    return replace(trial, **changes)


@pytest.fixture(scope="session")
def trained_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms with two trials of two epochs on real images, with their weights; the data set lies beside it."""
    root = tmp_path_factory.mktemp("trained")
    data = draw_data(
        root / "stripes", "stripes", subjects=6, images=3, test_subjects=2, generations={"3": 4}, height=40, width=64
    )
    answer(
        *("sweep", "architecture", "--data", str(data), "--out", str(root), "--name", "s", "--max-epochs", "2"),
        *("--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none", "--fix", "real=true"),
        *("--fix", "generations=3", "--fix", "augmentation=none", "--size", "32x64", "--replicates", "2"),
        *("--engine", "in-process", "--quiet"),
    )
    return root / "s"


@pytest.fixture
def sweep(trained_sweep: Path, tmp_path: Path) -> Path:
    """A copy of the trained sweep."""
    return Path(shutil.copytree(trained_sweep, tmp_path / "s"))
