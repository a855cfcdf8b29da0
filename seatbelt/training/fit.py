"""The entry point of training: continue a trial from its newest checkpoint and yield the metrics of each epoch.

Everything random in epoch e derives from (seed, e, ...), and the state at the end of an epoch is all in its
checkpoint: a trial that was interrupted gives bit for bit the numbers of one that was not (CPU, fixed
thread count), whatever the number of loader workers.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.architectures import count_parameters, effective_output_stride
from seatbelt.models.weights import ResolvedWeights
from seatbelt.training.checkpoint import CheckpointFolder
from seatbelt.training.device import Execution, prepare, provenance
from seatbelt.training.events import Began, Ended, EpochMetrics, Event
from seatbelt.training.metrics import Scores, dice, iou, scores
from seatbelt.training.trainer import Trainer


def fit(  # noqa: PLR0913
    config: TrialConfig,
    data: TrialSamples,
    folder: CheckpointFolder,
    *,
    weights: ResolvedWeights,
    reported_epochs: int,
    stop_epoch: int,
    full_epochs: int,
    execution: Execution,
    stage: CheckpointFolder | None = None,
    micro_batch: int | None = None,
) -> Generator[Event, None, None]:
    """Train a trial up to `stop_epoch` and yield its events.

    Args:
        config: The trial.
        data: Its samples.
        folder: Its checkpoints; the leg continues from the newest valid one.
        weights: Initial encoder weights.
        reported_epochs: Epochs whose metrics the caller has. Later epochs in the checkpoint are yielded from it
            instead of being trained again.
        stop_epoch: Last epoch of the leg.
        full_epochs: Epochs after which the trial is complete and tested.
        stage: The finished pretraining whose best weights the trial starts from.
        micro_batch: Images per backward pass, if earlier epochs of the trial fixed it.
        execution: Where and how to run. On a CPU only the number of threads changes the numbers.

    Raises:
        UserError: Weights or checkpoints cannot be used.
    """
    prepare(execution)
    trainer = Trainer(config, data, weights, execution, micro_batch=micro_batch)
    checkpoint = folder.newest()
    if checkpoint is not None:
        trainer.restore(checkpoint)
    elif stage is not None:
        trainer.begin_with(stage.best_weights())
    began = _began(trainer, weights)
    yield began
    for entry in trainer.log:
        if reported_epochs < entry["epoch"] <= stop_epoch:
            yield _from_log(entry)
    saver = _Saver(trainer, folder, execution.checkpoint_share)
    while trainer.epoch < stop_epoch and not trainer.stopped_early:
        metrics = _epoch(trainer)
        if trainer.micro_batch != began.micro_batch:
            began = replace(began, micro_batch=trainer.micro_batch)
            yield began
        if isinstance(metrics, Ended):
            yield metrics
            return
        saver.after_epoch(last=trainer.epoch >= stop_epoch or trainer.stopped_early)
        yield metrics
    if stop_epoch < full_epochs and not trainer.stopped_early:
        yield Ended(outcome="paused", epoch=trainer.epoch, best_epoch=trainer.best_epoch)
        return
    yield _test(trainer, folder)


def _began(trainer: Trainer, weights: ResolvedWeights) -> Began:
    return Began(
        parameters=count_parameters(trainer.network),
        output_stride=effective_output_stride(trainer.config.model),
        provenance=provenance(trainer.execution),
        weights_sha256=weights.sha256,
        from_epoch=trainer.epoch,
        micro_batch=trainer.micro_batch,
    )


def _epoch(trainer: Trainer) -> EpochMetrics | Ended:
    """Train the next epoch; return the result if the trial ends here."""
    try:
        metrics = trainer.train_epoch()
    except torch.OutOfMemoryError as error:
        short = str(error).splitlines()[0]
    else:
        return metrics or Ended(outcome="diverged", epoch=trainer.epoch + 1, best_epoch=trainer.best_epoch)
    return Ended(outcome="out_of_memory", epoch=trainer.epoch, best_epoch=trainer.best_epoch, error=short)


class _Saver:
    """Saves a checkpoint after an epoch if its share of the time allows, and always at the end of a leg."""

    def __init__(self, trainer: Trainer, folder: CheckpointFolder, share: float) -> None:
        self._trainer, self._folder, self._share = trainer, folder, share
        self._cost = 0.0
        self._since = time.perf_counter()

    def after_epoch(self, *, last: bool) -> None:
        elapsed = time.perf_counter() - self._since
        if not last and self._share < 1 and self._cost > self._share * elapsed:
            return
        started = time.perf_counter()
        best = (self._trainer.best_epoch, self._trainer.best_weights)
        self._folder.save(self._trainer.checkpoint(), best, final=last)
        self._trainer.best_weights = None
        self._since = time.perf_counter()
        self._cost = self._since - started


def _test(trainer: Trainer, folder: CheckpointFolder) -> Ended:
    trainer.evaluated.load_state_dict(folder.best_weights())
    _, counts = trainer.evaluate(trainer.data.test)
    return Ended(
        outcome="complete",
        epoch=trainer.epoch,
        best_epoch=trainer.best_epoch,
        test=scores(counts) if len(counts) else None,
        image_counts=tuple((int(a), int(b), int(c)) for a, b, c in counts[:, :3]),
    )


def image_scores(counts: tuple[tuple[int, int, int], ...]) -> list[dict[str, float]]:
    """Return IoU and Dice of each test image from its counts."""
    array = np.asarray(counts, np.int64).reshape(-1, 3)
    return [{"iou": float(i), "dice": float(d)} for i, d in zip(iou(array), dice(array), strict=True)]


def _from_log(entry: dict[str, Any]) -> EpochMetrics:
    return EpochMetrics(**{**entry, "selection": Scores(**entry["selection"])})
