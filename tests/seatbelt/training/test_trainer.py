"""What an epoch does to schedule, best epoch and early stopping, by evaluations with chosen results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seatbelt.data.loading.loader import Batch, Samples
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.weights import resolve
from seatbelt.training.device import Execution
from seatbelt.training.trainer import Trainer
from tests.seatbelt.training.test_fit import config, samples  # noqa: F401  (a fixture)

Evaluation = tuple[float, float]
"""Loss and IoU."""


@pytest.fixture
def trainer(samples: TrialSamples) -> Trainer:  # noqa: F811
    """Return a trainer with a validation set beside its selection set."""
    validation = replace(samples.selection, indices=samples.selection.indices[:1])
    samples = replace(samples, validation=validation)
    trial = config(**{"optimisation.plateau_patience": 1, "optimisation.plateau_factor": 0.1})
    return Trainer(trial, samples, resolve(trial.model.encoder, trial.model.weights), Execution())


def evaluate_to(
    monkeypatch: pytest.MonkeyPatch, trainer: Trainer, epochs: list[tuple[Evaluation, Evaluation]]
) -> Iterator[float]:
    """Train epochs whose selection and validation set give these results; yield the learning rate after each."""
    monkeypatch.setattr(trainer, "_train_steps", lambda epoch: (0.5, 10))
    for selection, validation in epochs:
        results = {id(trainer.data.selection): selection, id(trainer.data.validation): validation}

        def evaluate(evaluated: Samples, results: dict[int, Evaluation] = results) -> tuple[float, NDArray[np.int64]]:
            loss, iou = results[id(evaluated)]
            return loss, np.array([[round(1000 * iou), 1000, round(1000 * iou)]])

        monkeypatch.setattr(trainer, "evaluate", evaluate)
        assert trainer.train_epoch() is not None
        yield trainer.optimizer.param_groups[0]["lr"]


def test_the_schedule_follows_the_validation_loss_and_nothing_else(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trainer.optimizer.param_groups[0]["lr"]
    # The selection set improves all the time, in loss and in IoU.
    epochs = [((1 / n, n / 10), (1.0 + n, 0.5)) for n in range(1, 5)]
    rates = list(evaluate_to(monkeypatch, trainer, epochs))
    assert rates == pytest.approx([first, first, first / 10, first / 10]), "the validation loss rises"


def test_a_falling_validation_loss_keeps_the_rate(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trainer.optimizer.param_groups[0]["lr"]
    epochs = [((1.0 + n, 0.9 - n / 10), (1 / n, 0.5)) for n in range(1, 5)]
    assert list(evaluate_to(monkeypatch, trainer, epochs)) == [first] * 4, "although the selection set gets worse"


def test_the_first_of_equal_epochs_is_the_best(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    ious = [0.3, 0.5, 0.5, 0.4]
    list(evaluate_to(monkeypatch, trainer, [((1.0, iou), (1.0, 0.9)) for iou in ious]))
    assert (trainer.epoch, trainer.best_epoch, trainer.best_iou) == (4, 2, pytest.approx(0.5))
    assert [entry["selection"]["iou"] for entry in trainer.log] == pytest.approx(ious)


def test_an_epoch_is_recorded_with_its_losses_rates_and_times(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.0, 15.0])
    monkeypatch.setattr("seatbelt.training.trainer.time.perf_counter", lambda: next(clock))
    rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
    list(evaluate_to(monkeypatch, trainer, [((0.75, 0.5), (0.25, 0.875))]))
    (entry,) = trainer.log
    assert entry.pop("selection")["iou"] == pytest.approx(0.5)
    assert entry == {
        "epoch": 1,
        "train_loss": 0.5,
        "validation_loss": 0.25,
        "validation_iou": pytest.approx(0.875),
        "selection_loss": 0.75,
        "encoder_learning_rate": rates["encoder"],
        "decoder_learning_rate": rates["decoder"],
        "train_seconds": 2.0,
        "evaluation_seconds": 3.0,
        "images_per_s": 5.0,
    }


@pytest.mark.parametrize(
    ("train", "selection", "validation"), [(math.nan, 1.0, 1.0), (1.0, math.inf, 1.0), (1.0, 1.0, math.nan)]
)
def test_a_loss_that_is_not_finite_ends_the_trial_without_an_epoch(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, train: float, selection: float, validation: float
) -> None:
    losses = {id(trainer.data.selection): selection, id(trainer.data.validation): validation}
    monkeypatch.setattr(trainer, "_train_steps", lambda epoch: (train, 10))
    monkeypatch.setattr(trainer, "evaluate", lambda evaluated: (losses[id(evaluated)], np.array([[1, 2, 2]])))
    assert trainer.train_epoch() is None
    assert (trainer.epoch, trainer.log, trainer.best_epoch) == (0, [], 0)


def test_the_training_loss_is_the_mean_over_images_and_only_the_first_step_may_shrink(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, steps = [3, 2, 1], []

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return iter([(torch.zeros(size, 1), torch.zeros(size, 1)) for size in sizes])

    def step(name: str) -> Callable[[Sequence[Batch]], list[torch.Tensor]]:
        def take(batches: Sequence[Batch]) -> list[torch.Tensor]:
            steps.append(name)
            return [torch.tensor(float(len(steps)))] * len(batches)

        return take

    monkeypatch.setattr(trainer.loader, "epoch", batches)
    monkeypatch.setattr(trainer, "_first_step", step("first"))
    monkeypatch.setattr(trainer, "_step", step("later"))
    # (3 x 1 + 2 x 2 + 1 x 3) / 6
    assert trainer._train_steps(1) == (pytest.approx(10 / 6), 6)
    assert steps == ["first", "later", "later"]
    trainer.epoch = 1
    trainer._train_steps(2)
    assert steps[3:] == ["later"] * 3, "only the first step of the first epoch"


def test_early_stopping_counts_the_epochs_since_the_best(trainer: Trainer) -> None:
    patience = trainer.config.optimisation.early_stopping_patience
    trainer.best_epoch = 2
    trainer.epoch = 1 + patience
    assert not trainer.stopped_early
    trainer.epoch = 2 + patience
    assert trainer.stopped_early


def test_a_restored_trainer_is_in_the_state_of_the_first(
    trainer: Trainer,
    samples: TrialSamples,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for batch in trainer.loader.epoch(1):
        trainer._step([batch])
        break
    list(evaluate_to(monkeypatch, trainer, [((1.0, 0.5), (1.0, 0.5)), ((1.0, 0.4), (2.0, 0.5))]))
    trainer.micro_batch = 2
    best = trainer.best_weights
    assert best is not None
    with torch.no_grad():
        next(trainer.network.parameters()).zero_()
    assert next(iter(best.values())).count_nonzero(), "the best weights are a copy"

    saved = trainer.checkpoint()
    model = trainer.config.model
    other = Trainer(trainer.config, samples, resolve(model.encoder, model.weights), Execution())
    other.restore(saved)
    assert (other.epoch, other.best_epoch, other.best_iou, other.micro_batch) == (2, 1, pytest.approx(0.5), 2)
    assert other.log == trainer.log
    assert other.schedule.state() == trainer.schedule.state()
    restored = other.checkpoint()
    assert restored.trainer == saved.trainer
    assert restored.optimizer.keys() == saved.optimizer.keys() != set()
    for first, second in ((saved.weights, restored.weights), (saved.optimizer, restored.optimizer)):
        assert all(torch.equal(first[name], second[name]) for name in first)
    fresh = Trainer(trainer.config, samples, resolve(model.encoder, model.weights), Execution())
    fresh.begin_with(saved.weights)
    assert all(torch.equal(saved.weights[name], tensor) for name, tensor in fresh.network.state_dict().items())
    assert fresh.epoch == 0 and not fresh.optimizer.state
