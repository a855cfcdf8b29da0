"""The one entry point of training: a trial from its newest checkpoint to an epoch, yielding epoch metrics.

Everything random in epoch e derives from (seed, e, ...), and the state at the end of an epoch is all in its
checkpoint: a trial that was interrupted gives bit for bit the numbers of one that was not (CPU, fixed
thread count), whatever the number of loader workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.architectures import count_parameters, effective_output_stride
from seatbelt.models.weights import ResolvedWeights
from seatbelt.training.checkpoint import CheckpointFolder
from seatbelt.training.device import Execution, Provenance, prepare, provenance
from seatbelt.training.metrics import Scores, dice, iou, scores
from seatbelt.training.state import EpochMetrics, TrainingState


@dataclass(frozen=True, kw_only=True)
class Began:
    """First event of a leg: what runs it. It comes again if the micro-batch turned out to be too large."""

    parameters: int
    output_stride: int
    provenance: Provenance
    weights_sha256: str | None
    from_epoch: int
    """Epoch of the checkpoint that the leg went on from; 0 for none."""
    micro_batch: int
    """Images per backward pass."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Last event of a leg."""

    outcome: Literal["paused", "complete", "diverged", "out_of_memory"]
    epoch: int
    best_epoch: int
    error: str | None = None
    """Why it ran out of memory."""
    test: Scores | None = None
    """Test scores with the weights of the best epoch; None unless complete."""
    image_counts: tuple[tuple[int, int, int], ...] = ()
    """Per test image: intersection, predicted and target pixels."""


Event = Began | EpochMetrics | Ended


def fit(
    config: TrialConfig,
    data: TrialSamples,
    folder: CheckpointFolder,
    *,
    weights: ResolvedWeights,
    known_epochs: int,
    stop_epoch: int,
    full_epochs: int,
    execution: Execution,
    stage: CheckpointFolder | None = None,
    micro_batch: int | None = None,
) -> Iterator[Event]:
    """Train a trial until `stop_epoch` and yield what happens.

    Args:
        config: The trial.
        data: Its samples.
        folder: Where its checkpoints lie: the newest valid one is where the leg goes on.
        weights: Initial encoder weights.
        known_epochs: Epochs whose metrics the caller has; later ones found in the checkpoint are yielded
            again instead of being computed again.
        stop_epoch: Last epoch of the leg.
        full_epochs: Epochs after which the trial is complete and tested.
        stage: The finished pretraining whose best weights the trial begins with.
        micro_batch: Images per backward pass, if earlier epochs of the trial settled it.
        execution: Where and how it runs; nothing in it changes the numbers on a CPU but the thread count.

    Raises:
        UserError: Weights or checkpoints that cannot be used.
    """
    prepare(execution)
    state = TrainingState(config, data, weights, execution, micro_batch=micro_batch or 0)
    checkpoint = folder.newest()
    if checkpoint is not None:
        state.restore(checkpoint)
    elif stage is not None:
        state.begin_with(stage.best_weights())
    began = Began(
        parameters=count_parameters(state.network),
        output_stride=effective_output_stride(config.model),
        provenance=provenance(execution),
        weights_sha256=weights.sha256,
        from_epoch=state.epoch,
        micro_batch=state.micro_batch,
    )
    yield began
    for entry in state.log:
        if known_epochs < entry["epoch"] <= stop_epoch:
            yield _from_log(entry)
    saver = _Saver(state, folder, execution.checkpoint_share)
    while state.epoch < stop_epoch and not state.stopped_early:
        metrics = _epoch(state)
        if state.micro_batch != began.micro_batch:
            began = replace(began, micro_batch=state.micro_batch)
            yield began
        if isinstance(metrics, Ended):
            yield metrics
            return
        saver.after_epoch(last=state.epoch >= stop_epoch or state.stopped_early)
        yield metrics
    if stop_epoch < full_epochs and not state.stopped_early:
        yield Ended(outcome="paused", epoch=state.epoch, best_epoch=state.best_epoch)
        return
    yield _test(state, folder)


def _epoch(state: TrainingState) -> EpochMetrics | Ended:
    """Train the next epoch; what ends the trial here is its result."""
    try:
        metrics = state.train_epoch()
    except torch.OutOfMemoryError as error:
        short = str(error).splitlines()[0]
    else:
        return metrics or Ended(outcome="diverged", epoch=state.epoch + 1, best_epoch=state.best_epoch)
    return Ended(outcome="out_of_memory", epoch=state.epoch, best_epoch=state.best_epoch, error=short)


class _Saver:
    """Saves after an epoch, unless saving would take more than its share of the time; always at a leg's end."""

    def __init__(self, state: TrainingState, folder: CheckpointFolder, share: float) -> None:
        self._state, self._folder, self._share = state, folder, share
        self._cost = 0.0
        self._since = time.perf_counter()

    def after_epoch(self, *, last: bool) -> None:
        elapsed = time.perf_counter() - self._since
        if not last and self._share < 1 and self._cost > self._share * elapsed:
            return
        started = time.perf_counter()
        best = (self._state.best_epoch, self._state.best_weights)
        self._folder.save(self._state.checkpoint(), best, final=last)
        self._state.best_weights = None
        self._since = time.perf_counter()
        self._cost = self._since - started


def _test(state: TrainingState, folder: CheckpointFolder) -> Ended:
    state.network.load_state_dict(folder.best_weights())
    _, counts = state.evaluate(state.data.test)
    return Ended(
        outcome="complete",
        epoch=state.epoch,
        best_epoch=state.best_epoch,
        test=scores(counts) if len(counts) else None,
        image_counts=tuple((int(a), int(b), int(c)) for a, b, c in counts),
    )


def image_scores(counts: tuple[tuple[int, int, int], ...]) -> list[dict[str, float]]:
    """Return IoU and Dice of each test image from its counts."""
    array = np.asarray(counts, np.int64).reshape(-1, 3)
    return [{"iou": float(i), "dice": float(d)} for i, d in zip(iou(array), dice(array), strict=True)]


def _from_log(entry: dict[str, Any]) -> EpochMetrics:
    return EpochMetrics(**{**entry, "selection": Scores(**entry["selection"])})
