"""The trainer: network, optimizer and schedule, and how an epoch changes them.

Everything random in epoch e derives from (seed, e, ...). A checkpoint holds the whole state at the end of its epoch.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.loading.loader import Batch, Samples, TrainingLoader, evaluation_batches
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.architectures import build
from seatbelt.models.inference import Normalisation, image_logits, memory_layout
from seatbelt.models.losses import label_weights_of, segmentation_loss
from seatbelt.models.weights import ResolvedWeights
from seatbelt.training.averaging import WeightAverage
from seatbelt.training.checkpoint import Checkpoint, Tensors
from seatbelt.training.device import Execution
from seatbelt.training.events import EpochMetrics
from seatbelt.training.metrics import image_counts, scores
from seatbelt.training.micro_batch import BeforeStep, fewest_images, halved, part_sizes
from seatbelt.training.optimizer import make_optimizer, optimizer_tensors, restore_optimizer
from seatbelt.training.schedule import Schedule


class Trainer:
    """Trains the network of one trial and holds all that changes meanwhile."""

    def __init__(
        self,
        config: TrialConfig,
        data: TrialSamples,
        weights: ResolvedWeights,
        execution: Execution,
        *,
        micro_batch: int | None = None,
    ) -> None:
        """Build the network, the optimizer and the schedule.

        Args:
            config: The trial.
            data: Its samples.
            weights: Initial encoder weights.
            execution: Where and how to run.
            micro_batch: Images per backward pass; None for the whole batch.
        """
        self.config, self.data, self.execution = config, data, execution
        self.epoch = self.best_epoch = 0
        self.best_iou = -1.0
        self.best_weights: Tensors | None = None
        """Weights of the best epoch, unless a checkpoint holds them already."""
        self.log: list[dict[str, Any]] = []
        optimisation = config.optimisation
        self.micro_batch = micro_batch or optimisation.batch_size
        torch.manual_seed(_derived_seed(config.seed, 0))
        network = build(config.model, 1 + len(config.data.context), weights=weights).to(execution.device)
        self.network = network.to(memory_format=memory_layout(channels_last=optimisation.channels_last))
        self.optimizer = make_optimizer(self.network, optimisation)
        self.schedule = Schedule(self.optimizer, optimisation, config.epochs)
        self.average = None if optimisation.averaging is None else WeightAverage(self.network, optimisation.averaging)
        self.label_weights = label_weights_of(config.loss, config.data, execution.device)
        self.normalisation = Normalisation(weights.mean, weights.std, execution.device)
        self.loader = TrainingLoader(data.train, config, workers=execution.workers)

    @property
    def stopped_early(self) -> bool:
        """True if the best epoch lies further back than the patience allows."""
        return self.epoch - self.best_epoch >= self.config.optimisation.early_stopping_patience

    def train_epoch(self) -> EpochMetrics | None:
        """Train the next epoch and evaluate; None if the loss is no longer finite."""
        epoch = self.epoch + 1
        torch.manual_seed(_derived_seed(self.config.seed, epoch))
        self.schedule.before_step(self._epochs_done(0))
        rates = self.schedule.rates()
        started = time.perf_counter()
        train_loss, images = self._train_steps(epoch)
        if not math.isfinite(train_loss):
            return None
        trained = time.perf_counter()
        selection_loss, selection_counts = self.evaluate(self.data.selection)
        if self.data.validation.indices == self.data.selection.indices:
            validation_loss, validation_counts = selection_loss, selection_counts
        else:
            validation_loss, validation_counts = self.evaluate(self.data.validation)
        if not (math.isfinite(validation_loss) and math.isfinite(selection_loss)):
            return None
        ended = time.perf_counter()
        selection = scores(selection_counts)
        metrics = EpochMetrics(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=validation_loss,
            validation_iou=scores(validation_counts).iou,
            selection_loss=selection_loss,
            selection=selection,
            encoder_learning_rate=rates["encoder"],
            decoder_learning_rate=rates["decoder"],
            train_seconds=trained - started,
            evaluation_seconds=ended - trained,
            images_per_s=images / (trained - started),
        )
        self._advance(epoch, validation_loss, selection.iou)
        self.log.append(asdict(metrics))
        return metrics

    def _advance(self, epoch: int, validation_loss: float, selection_iou: float) -> None:
        self.schedule.after_epoch(epoch, validation_loss)
        self.epoch = epoch
        if selection_iou > self.best_iou:
            self.best_iou, self.best_epoch = selection_iou, epoch
            self.best_weights = {name: t.detach().clone() for name, t in self.evaluated.state_dict().items()}

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated, tested and exported: with the averaged weights, if they are averaged."""
        return self.network if self.average is None else self.average.network

    def _epochs_done(self, batches: int) -> float:
        """Return the epochs up to the middle of the step that begins after some batches of the next epoch."""
        step = min(self.config.optimisation.accumulation, len(self.loader) - batches)
        return self.epoch + (batches + step / 2) / len(self.loader)

    def _train_steps(self, epoch: int) -> tuple[float, int]:
        self.network.train()
        self._freeze(frozen=epoch <= self.config.optimisation.frozen_epochs)
        total = torch.zeros((), dtype=torch.float64, device=self.execution.device)
        images = done = 0
        for batches in _grouped(self.loader.epoch(epoch), self.config.optimisation.accumulation):
            self.schedule.before_step(self._epochs_done(done))
            losses = self._step(batches) if self.epoch or done else self._first_step(batches)
            for loss, batch in zip(losses, batches, strict=True):
                total += loss.double() * len(batch[0])
                images += len(batch[0])
            done += len(batches)
        return float(total) / images, images

    def _freeze(self, *, frozen: bool) -> None:
        encoder = self.network.get_submodule("encoder")
        encoder.requires_grad_(not frozen)
        if frozen:
            encoder.eval()

    def _first_step(self, batches: Sequence[Batch]) -> list[torch.Tensor]:
        """Take the first step of a trial, in smaller parts if memory is short.

        Raises:
            torch.OutOfMemoryError: Even the smallest parts do not fit.
        """
        before = BeforeStep(self.network, self.execution.device)
        batch_size = self.config.optimisation.batch_size
        while True:
            try:
                return self._step(batches)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # Outside the except block: inside it, the traceback still references the tensors of the step.
            images = fewest_images(self.config.model, *self.config.data.training_size)
            smaller = halved(self.micro_batch, batch_size=batch_size, images=images)
            if smaller is None:
                raise torch.OutOfMemoryError(f"{self.micro_batch} images at a time do not fit: {reason}")
            before.restore(self.optimizer)
            self.micro_batch = smaller

    def _step(self, batches: Sequence[Batch]) -> list[torch.Tensor]:
        """Take one step on some batches and return the loss of each."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = [self._backward(batch, 1 / len(batches)) for batch in batches]
        clipping = self.config.optimisation.gradient_clipping
        if clipping is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), clipping)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return losses

    def _backward(self, batch: Batch, share: float) -> torch.Tensor:
        """Add the gradients of a batch and return its loss, the mean over its parts weighted by their images."""
        total = torch.zeros((), device=self.execution.device)
        sizes = part_sizes(len(batch[0]), self.micro_batch)
        for images, codes in zip(torch.split(batch[0], sizes), torch.split(batch[1], sizes), strict=True):
            loss = self._loss(*self._forward(self.network, (images, codes))) * (len(images) / len(batch[0]))
            (loss * share).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            total += loss.detach()
        return total

    @torch.no_grad()
    def evaluate(self, samples: Samples) -> tuple[float, NDArray[np.int64]]:
        """Return the mean loss and the counts (N, 6) over samples."""
        self.evaluated.eval()
        total, counts = 0.0, [np.zeros((0, 6), np.int64)]
        for batch in evaluation_batches(samples, self.config.optimisation.batch_size):
            logits, targets, valid = self._forward(self.evaluated, batch, self.config.data.tile)
            total += float(self._loss(logits, targets, valid)) * len(batch[0])
            counts.append(image_counts(logits, targets, valid))
        return total / max(1, len(samples)), np.concatenate(counts)

    def _forward(
        self, network: nn.Module, batch: Batch, tile: tuple[int, int] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return logits (N, K, H, W), targets (N, K, H, W) and valid (N, 1, H, W)."""
        device = self.execution.device
        codes = batch[1].to(device, non_blocking=True)
        logits = image_logits(
            network,
            batch[0].to(device, non_blocking=True),
            self.normalisation,
            channels_last=self.config.optimisation.channels_last,
            bfloat16=self.config.optimisation.precision == "bfloat16",
            tile=tile,
        )
        channels = torch.arange(1, 2 + len(self.config.data.context), device=device, dtype=torch.uint8)
        targets = (codes.unsqueeze(1) == channels.view(1, -1, 1, 1)).float()
        return logits, targets, (codes != IGNORE).unsqueeze(1)

    def _loss(self, logits: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        return segmentation_loss(logits, targets, valid, self.config.loss, self.label_weights)

    def checkpoint(self) -> Checkpoint:
        """Return the state after the current epoch."""
        trainer = {
            "best_epoch": self.best_epoch,
            "best_iou": self.best_iou,
            "micro_batch": self.micro_batch,
            **self.schedule.state(),
        }
        further = {} if self.average is None else self.average.tensors()
        return Checkpoint(
            epoch=self.epoch,
            weights=dict(self.evaluated.state_dict()),
            optimizer={**optimizer_tensors(self.optimizer), **further},
            trainer=trainer,
            log=self.log,
        )

    def begin_with(self, weights: Tensors) -> None:
        """Start from the weights of a pretraining, with a fresh optimizer and schedule."""
        self.network.load_state_dict(weights)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint."""
        if self.average is None:
            self.network.load_state_dict(checkpoint.weights)
            moments = checkpoint.optimizer
        else:
            moments = self.average.restore(checkpoint.weights, checkpoint.optimizer)
        restore_optimizer(self.optimizer, moments)
        trainer = checkpoint.trainer
        self.schedule.restore(trainer)
        self.epoch, self.log = checkpoint.epoch, list(checkpoint.log)
        self.best_epoch, self.best_iou = trainer["best_epoch"], trainer["best_iou"]
        self.micro_batch = trainer.get("micro_batch", self.micro_batch)


def _grouped(batches: Iterator[Batch], size: int) -> Iterator[tuple[Batch, ...]]:
    while group := tuple(itertools.islice(batches, size)):
        yield group


def _derived_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, 5]).generate_state(1, np.uint64)[0] >> 1)
