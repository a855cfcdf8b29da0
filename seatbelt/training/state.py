"""The changing part of a training: network, optimizer, schedule, and how an epoch moves them.

Everything random in epoch e derives from (seed, e, ...), and all of the state at the end of an epoch is in its
checkpoint.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.loading.loader import Batch, Samples, TrainingLoader, evaluation_batches
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.architectures import build, parameter_groups, segment
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import ResolvedWeights
from seatbelt.training.checkpoint import Checkpoint, Tensors
from seatbelt.training.device import Execution
from seatbelt.training.metrics import Scores, image_counts, scores
from seatbelt.training.micro_batch import BeforeStep, halved, part_sizes


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """What one epoch measured."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_iou: float
    selection_loss: float
    selection: Scores
    encoder_learning_rate: float
    decoder_learning_rate: float
    train_seconds: float
    evaluation_seconds: float
    images_per_s: float


@dataclass
class TrainingState:
    """The changing part of a training."""

    config: TrialConfig
    data: TrialSamples
    weights: ResolvedWeights
    execution: Execution
    epoch: int = 0
    best_epoch: int = 0
    best_iou: float = -1.0
    best_weights: Tensors | None = None
    """Weights of the best epoch, unless a checkpoint holds them already."""
    log: list[dict[str, Any]] = field(default_factory=list)
    micro_batch: int = 0
    """Images per backward pass; 0 begins with the batch size."""

    def __post_init__(self) -> None:
        config, optimisation = self.config, self.config.optimisation
        labels = 1 + len(config.data.context)
        self.micro_batch = self.micro_batch or optimisation.batch_size
        torch.manual_seed(_derived_seed(config.seed, 0))
        network = build(config.model, labels, weights=self.weights).to(self.execution.device)
        self.layout = torch.channels_last if optimisation.channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.layout)
        groups = parameter_groups(self.network, optimisation)
        self.optimizer = torch.optim.Adam([dict(group) for group in groups], fused=True)
        self.schedule = ReduceLROnPlateau(
            self.optimizer, factor=optimisation.plateau_factor, patience=optimisation.plateau_patience
        )
        device = self.execution.device
        self.mean = torch.tensor(self.weights.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(self.weights.std, device=device).view(1, 3, 1, 1) * 255
        self.loader = TrainingLoader(self.data.train, config, workers=self.execution.workers)

    @property
    def stopped_early(self) -> bool:
        """Whether the best epoch lies further back than the patience allows."""
        return self.epoch - self.best_epoch >= self.config.optimisation.early_stopping_patience

    def train_epoch(self) -> EpochMetrics | None:
        """Train the next epoch and evaluate; None if the loss is no longer finite."""
        epoch = self.epoch + 1
        torch.manual_seed(_derived_seed(self.config.seed, epoch))
        rates = {group["name"]: float(group["lr"]) for group in self.optimizer.param_groups}
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
        self.schedule.step(validation_loss)
        self.epoch = epoch
        if selection_iou > self.best_iou:
            self.best_iou, self.best_epoch = selection_iou, epoch
            self.best_weights = {name: t.detach().clone() for name, t in self.network.state_dict().items()}

    def _train_steps(self, epoch: int) -> tuple[float, int]:
        self.network.train()
        total = torch.zeros((), dtype=torch.float64, device=self.execution.device)
        images = 0
        first = self.epoch == 0
        for batch in self.loader.epoch(epoch):
            loss = self._first_step(batch) if first else self._step(batch)
            first = False
            total += loss.double() * len(batch[0])
            images += len(batch[0])
        return float(total) / images, images

    def _first_step(self, batch: Batch) -> torch.Tensor:
        """Take a trial's first step, in smaller parts if memory is short.

        Raises:
            torch.OutOfMemoryError: Even the smallest parts do not fit.
        """
        before = BeforeStep(self.network, self.execution.device)
        optimisation, decoder = self.config.optimisation, self.config.model.decoder
        while True:
            try:
                return self._step(batch)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # Outside the except block: inside it the traceback still holds the tensors of the step.
            smaller = halved(self.micro_batch, batch_size=optimisation.batch_size, decoder=decoder)
            if smaller is None:
                raise torch.OutOfMemoryError(f"{self.micro_batch} images at a time do not fit: {reason}")
            before.restore(self.optimizer)
            self.micro_batch = smaller

    def _step(self, batch: Batch) -> torch.Tensor:
        """Move the weights by one batch and return its loss, the mean over its parts by their images."""
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.execution.device)
        sizes = part_sizes(len(batch[0]), self.micro_batch)
        for images, codes in zip(torch.split(batch[0], sizes), torch.split(batch[1], sizes), strict=True):
            logits, targets, valid = self._forward((images, codes))
            loss = segmentation_loss(logits, targets, valid, self.config.loss) * (len(images) / len(batch[0]))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            total += loss.detach()
        self.optimizer.step()
        return total

    @torch.no_grad()
    def evaluate(self, samples: Samples) -> tuple[float, NDArray[np.int64]]:
        """Return the mean loss and the counts (N, 3) over samples."""
        self.network.eval()
        total, counts = 0.0, [np.zeros((0, 3), np.int64)]
        for batch in evaluation_batches(samples, self.config.optimisation.batch_size):
            logits, targets, valid = self._forward(batch)
            loss = segmentation_loss(logits, targets, valid, self.config.loss)
            total += float(loss) * len(batch[0])
            counts.append(image_counts(logits, targets, valid))
        return total / max(1, len(samples)), np.concatenate(counts)

    def _forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return logits (N, K, H, W), targets (N, K, H, W) and valid (N, 1, H, W)."""
        device = self.execution.device
        codes = batch[1].to(device, non_blocking=True)
        images = batch[0].to(device, non_blocking=True).permute(0, 3, 1, 2).float()
        images = ((images - self.mean) / self.std).contiguous(memory_format=self.layout)
        channels = torch.arange(1, 2 + len(self.config.data.context), device=device, dtype=torch.uint8)
        targets = (codes.unsqueeze(1) == channels.view(1, -1, 1, 1)).float()
        bfloat16 = self.config.optimisation.precision == "bfloat16"
        with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=bfloat16):
            logits = segment(self.network, images)
        return logits.float(), targets, (codes != IGNORE).unsqueeze(1)

    def checkpoint(self) -> Checkpoint:
        """Return the state after the present epoch."""
        moments = {
            f"{index}.{name}": value
            for index, state in self.optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        trainer = {
            "best_epoch": self.best_epoch,
            "best_iou": self.best_iou,
            "micro_batch": self.micro_batch,
            "rates": [group["lr"] for group in self.optimizer.param_groups],
            "plateau": {
                "best": self.schedule.best,
                "num_bad_epochs": self.schedule.num_bad_epochs,
                "last_epoch": self.schedule.last_epoch,
            },
        }
        weights = dict(self.network.state_dict())
        return Checkpoint(epoch=self.epoch, weights=weights, optimizer=moments, trainer=trainer, log=self.log)

    def begin_with(self, weights: Tensors) -> None:
        """Begin with the weights of a pretraining; optimizer and schedule begin anew."""
        self.network.load_state_dict(weights)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over a checkpoint's state."""
        self.network.load_state_dict(checkpoint.weights)
        self._restore_optimizer(checkpoint.optimizer)
        trainer = checkpoint.trainer
        for group, rate in zip(self.optimizer.param_groups, trainer["rates"], strict=True):
            group["lr"] = rate
        for name, value in trainer["plateau"].items():
            setattr(self.schedule, name, value)
        self.epoch, self.log = checkpoint.epoch, list(checkpoint.log)
        self.best_epoch, self.best_iou = trainer["best_epoch"], trainer["best_iou"]
        self.micro_batch = trainer.get("micro_batch", self.micro_batch)

    def _restore_optimizer(self, saved: Tensors) -> None:
        """Take over Adam's state, which a checkpoint holds on the CPU and without a memory layout.

        Each tensor goes to where its parameter is: the fused kernel of CUDA reads addresses and checks no device, and
        the arithmetic is only repeated bit for bit in the memory layout of the parameter.
        """
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for name, value in saved.items():
            index, leaf = name.split(".", 1)
            parameter = parameters[int(index)]
            is_moment = value.shape == parameter.shape and leaf != "step"
            restored = torch.empty_like(parameter).copy_(value) if is_moment else value.to(parameter.device)
            self.optimizer.state[parameter][leaf] = restored


def _derived_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, 5]).generate_state(1, np.uint64)[0] >> 1)
