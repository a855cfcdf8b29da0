"""The events of a leg: its beginning, the metrics of each epoch, its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seatbelt.training.device import Provenance
from seatbelt.training.metrics import Scores


@dataclass(frozen=True, kw_only=True)
class Began:
    """First event of a leg, repeated if the micro-batch turns out to be too large."""

    parameters: int
    output_stride: int
    provenance: Provenance
    weights_sha256: str | None
    from_epoch: int
    """Epoch of the checkpoint that the leg continues from; 0 for none."""
    micro_batch: int
    """Images per backward pass."""


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


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Last event of a leg."""

    outcome: Literal["paused", "complete", "diverged", "out_of_memory"]
    epoch: int
    best_epoch: int
    error: str | None = None
    """Why memory ran out."""
    test: Scores | None = None
    """Test scores with the weights of the best epoch; None unless complete."""
    image_counts: tuple[tuple[int, int, int], ...] = ()
    """Per test image: intersection, predicted and target pixels."""


Event = Began | EpochMetrics | Ended
