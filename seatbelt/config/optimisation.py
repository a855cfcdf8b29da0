"""Optimizer and schedule: a part of the trial configuration (`seatbelt.config.trial`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seatbelt.config.data import Record, Share

LENGTH_DEPENDENT = ("cosine", "polynomial")
"""Schedules under which epoch e of a trial depends on how many epochs are planned."""

Rate = Annotated[float, Field(gt=0, le=1)]


class OptimisationConfig(Record):
    """Optimizer, schedule and numeric precision."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """`adam` adds the weight decay to the gradient, `adamw` subtracts it from the weights, `sgd` has Nesterov's
    momentum."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 4
    """Images per forward pass, and per step without accumulation."""
    accumulation: Annotated[int, Field(ge=1, le=1024)] = 1
    """Batches per step: their gradients are averaged."""
    encoder_learning_rate: Rate = 0.0002
    """Initial learning rate of the encoder."""
    decoder_learning_rate: Rate = 0.00025
    """Initial learning rate of everything else."""
    encoder_weight_decay: Share = 0.00003
    """Table 3.3's "layer weight decay", read as the encoder's own (docs/decisions/0003)."""
    decoder_weight_decay: Share = 0.0003
    """Table 3.3's "adam weight decay"."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of `sgd`."""
    schedule: Literal["plateau", "cosine", "polynomial", "constant"] = "plateau"
    """How the learning rates change. `cosine` and `polynomial` fall to 0 at the last epoch, so that the number of
    epochs is part of a trial's identity."""
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Epochs in which the learning rates rise from 0, before the schedule begins."""
    polynomial_power: Annotated[float, Field(gt=0, le=10)] = 0.9
    """Exponent of `polynomial`."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Factor of both learning rates when the validation loss stops falling."""
    plateau_patience: Annotated[int, Field(ge=0)] = 6
    """Epochs without a lower validation loss until then."""
    early_stopping_patience: Annotated[int, Field(ge=1)] = 50
    """Epochs without a better selection IoU until the trial ends."""
    gradient_clipping: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradient of all weights; None for no limit."""
    frozen_epochs: Annotated[int, Field(ge=0, le=100_000)] = 0
    """First epochs in which the encoder stays as it is, its batch norms included."""
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights (EMA), which is then what is evaluated, tested and
    exported; None for no average."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the forward pass under autocast, on any device."""
    channels_last: bool = False
    """Memory layout of images and weights."""

    @property
    def depends_on_length(self) -> bool:
        """True if epoch e of a trial depends on how many epochs are planned."""
        return self.schedule in LENGTH_DEPENDENT
