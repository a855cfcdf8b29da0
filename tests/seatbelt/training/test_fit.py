"""A trial is the same whether it runs in one go or is interrupted after each epoch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.data.loading.trial_samples import SweepData, TrialSamples
from seatbelt.data.partition.splits import selection_set
from seatbelt.models.weights import resolve
from seatbelt.records.sweep import DataSource
from seatbelt.training.checkpoint import CheckpointFolder, Tensors
from seatbelt.training.device import Execution, choose_device
from seatbelt.training.events import Began, Ended, EpochMetrics, Event
from seatbelt.training.fit import fit
from tests.conftest import MakeData

EPOCHS = 6


@pytest.fixture
def samples(make_data: MakeData) -> TrialSamples:
    root = make_data(subjects=6, images=2, test_subjects=2)
    dataset = read(root)
    data = SweepData(
        (DataSource(name="data", path=str(root), fingerprint=fingerprint(dataset)),), selection_set([dataset])
    )
    return data.samples(config())


def config(**changes: object) -> TrialConfig:
    fields = {
        "data.real": True,
        "data.generations": (),
        "data.height": 32,
        "data.width": 64,
        "model.encoder": "lite0",
        "model.decoder": "linknet",
        "model.weights": "none",
        "model.decoder_dropout": 0.0,
        "optimisation.plateau_patience": 1,
        "optimisation.encoder_learning_rate": 0.002,
        "epochs": EPOCHS,
        "augmentation.probability": 0.5,
    }
    return TrialConfig().with_fields({**fields, **changes})


def run(
    trial: TrialConfig,
    samples: TrialSamples,
    folder: Path,
    *,
    reported: int = 0,
    stop: int = EPOCHS,
    workers: int = 0,
) -> list[Event]:
    events = fit(
        trial,
        samples,
        CheckpointFolder(folder),
        weights=resolve(trial.model.encoder, trial.model.weights),
        reported_epochs=reported,
        stop_epoch=stop,
        full_epochs=trial.epochs,
        execution=Execution(workers=workers, checkpoint_share=1.0),
    )
    return list(events)


def numbers(events: list[Event]) -> list[dict[str, object]]:
    """Return the metrics that must be equal: all but times and speed."""
    rows = [dataclasses.asdict(event) for event in events if isinstance(event, EpochMetrics)]
    return [
        {k: v for k, v in row.items() if k not in ("train_seconds", "evaluation_seconds", "images_per_s")}
        for row in rows
    ]


def newest_weights(folder: Path) -> Tensors:
    checkpoint = CheckpointFolder(folder).newest()
    assert checkpoint is not None
    return checkpoint.weights


def same(a: Tensors, b: Tensors) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "changes"),
    [
        (0, {}),
        (0, {"optimisation.channels_last": True}),
        (2, {"model.decoder_dropout": 0.3, "model.decoder": "fpn"}),
        (
            0,
            {
                "optimisation.optimizer": "adamw",
                "optimisation.schedule": "cosine",
                "optimisation.warmup_epochs": 1.5,
                "optimisation.averaging": 0.9,
                "optimisation.accumulation": 2,
            },
        ),
        (
            0,
            {
                "optimisation.optimizer": "sgd",
                "optimisation.schedule": "polynomial",
                "data.training_crop": "32x32",
                "data.evaluation": "tiles",
                "optimisation.gradient_clipping": 0.5,
                "optimisation.frozen_epochs": 2,
                "loss.focal": 1.0,
                "loss.lovasz": 0.5,
                "loss.boundary": 0.5,
            },
        ),
    ],
)
def test_a_trial_interrupted_after_each_epoch_gives_the_same_numbers(
    samples: TrialSamples, tmp_path: Path, workers: int, changes: dict[str, object]
) -> None:
    trial = config(**changes)
    whole = run(trial, samples, tmp_path / "whole")
    pieces: list[Event] = []
    for epoch in range(1, EPOCHS + 1):
        pieces += run(trial, samples, tmp_path / "pieces", reported=epoch - 1, stop=epoch, workers=workers)
    assert len(numbers(whole)) == EPOCHS
    assert numbers(pieces) == numbers(whole)
    assert same(newest_weights(tmp_path / "pieces"), newest_weights(tmp_path / "whole"))
    end, other = pieces[-1], whole[-1]
    assert isinstance(end, Ended)
    assert end == other
    assert end.outcome == "complete"
    assert end.test is not None
    assert len(end.image_counts) == 4
    rates = {row["encoder_learning_rate"] for row in numbers(whole)}
    assert len(rates) > 1, "the schedule must have acted, or its state was not tested"


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch(samples: TrialSamples, tmp_path: Path) -> None:
    trial = config()
    whole = run(trial, samples, tmp_path / "whole", stop=4)
    leg = fit(
        trial,
        samples,
        CheckpointFolder(tmp_path / "killed"),
        weights=resolve("lite0", "none"),
        reported_epochs=0,
        stop_epoch=4,
        full_epochs=EPOCHS,
        execution=Execution(checkpoint_share=1.0),
    )
    seen = [next(leg) for _ in range(3)]
    leg.close()
    rest = run(trial, samples, tmp_path / "killed", reported=2, stop=4)
    assert numbers(seen + rest) == numbers(whole)


@pytest.mark.slow
def test_an_epoch_that_was_measured_but_not_reported_is_not_trained_again(
    samples: TrialSamples, tmp_path: Path
) -> None:
    first = run(config(), samples, tmp_path / "one", stop=2)
    again = run(config(), samples, tmp_path / "one", reported=1, stop=2)
    assert isinstance(again[0], Began)
    assert again[0].from_epoch == 2
    assert again[1] == first[2], "the second epoch comes from the checkpoint's log, seconds included"
    assert isinstance(again[2], Ended)


@pytest.mark.slow
def test_sparse_checkpoints_change_nothing(samples: TrialSamples, tmp_path: Path) -> None:
    every = run(config(), samples, tmp_path / "every", stop=5)
    sparse = fit(
        config(),
        samples,
        CheckpointFolder(tmp_path / "sparse"),
        weights=resolve("lite0", "none"),
        reported_epochs=0,
        stop_epoch=5,
        full_epochs=EPOCHS,
        execution=Execution(checkpoint_share=0.0),
    )
    seen = []
    for event in sparse:
        seen.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 4:
            break
    sparse.close()
    checkpoint = CheckpointFolder(tmp_path / "sparse").newest()
    assert checkpoint is not None
    assert checkpoint.epoch == 1, "the first save measures its cost; with a share of 0 no other follows"
    rest = run(config(), samples, tmp_path / "sparse", reported=4, stop=5)
    assert numbers(seen) == numbers(every)[:4]
    assert numbers(rest) == numbers(every)[1:], "epochs after the checkpoint are trained again, to the same numbers"


@pytest.mark.slow
def test_early_stopping_ends_a_trial_after_its_patience(samples: TrialSamples, tmp_path: Path) -> None:
    trial = config(**{"optimisation.early_stopping_patience": 1, "epochs": 40})
    events = run(trial, samples, tmp_path / "one", stop=40)
    end = events[-1]
    assert isinstance(end, Ended)
    assert end.outcome == "complete"
    assert end.epoch == end.best_epoch + 1 < 40


def test_a_loss_that_is_not_finite_ends_the_trial(samples: TrialSamples, tmp_path: Path) -> None:
    trial = config(**{"optimisation.decoder_learning_rate": 1.0, "optimisation.encoder_learning_rate": 1.0})
    leg = fit(
        trial,
        samples,
        CheckpointFolder(tmp_path / "one"),
        weights=resolve("lite0", "none"),
        reported_epochs=0,
        stop_epoch=EPOCHS,
        full_epochs=EPOCHS,
        execution=Execution(),
    )
    next(leg)
    # Whether a large rate diverges is the optimiser's business: a NaN in a weight certainly does.
    frame = leg.gi_frame  # type: ignore[attr-defined]
    with torch.no_grad():
        next(frame.f_locals["trainer"].network.parameters()).fill_(float("nan"))
    end = list(leg)[-1]
    assert isinstance(end, Ended)
    assert end.outcome == "diverged"
    assert end.epoch == 1


@pytest.mark.slow
def test_bfloat16_runs_on_the_same_path(samples: TrialSamples, tmp_path: Path) -> None:
    events = run(config(**{"optimisation.precision": "bfloat16"}), samples, tmp_path / "bf16", stop=1)
    plain = run(config(), samples, tmp_path / "plain", stop=1)
    assert isinstance(events[1], EpochMetrics)
    assert isinstance(plain[1], EpochMetrics)
    assert events[1].train_loss == pytest.approx(plain[1].train_loss, rel=0.1)
    assert events[1].train_loss != plain[1].train_loss


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device 'tpu9' cannot be used .* try --device auto"):
        choose_device("tpu9")
    assert choose_device("auto") in ("cpu", "cuda")
