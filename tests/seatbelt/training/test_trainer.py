"""What an epoch does to schedule, best epoch and early stopping, by evaluations with chosen results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from seatbelt.data.loading.loader import Samples
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
