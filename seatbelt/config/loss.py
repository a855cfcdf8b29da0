"""The training loss: a part of the trial configuration (`seatbelt.config.trial`)."""

from __future__ import annotations

import itertools
import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from seatbelt.config.data import Record, Share
from seatbelt.config.notation import canonical_label

Weight = Annotated[float, Field(ge=0)]

LOSSES = ("bce", "dice", "iou", "focal", "tversky", "lovasz", "boundary")


class LossConfig(Record):
    """Weights of the losses; the loss is their weighted mean, averaged over the labels."""

    bce: Weight = 1.0
    """Binary cross-entropy."""
    dice: Weight = 1.0
    iou: Weight = 1.0
    focal: Weight = 0.0
    """Cross-entropy in which pixels that are right already count less (arXiv:1708.02002)."""
    tversky: Weight = 0.0
    """Dice with separate weights for false and missed pixels (arXiv:1706.05721)."""
    lovasz: Weight = 0.0
    """The convex surrogate of the IoU (arXiv:1705.08790)."""
    boundary: Weight = 0.0
    """One minus the soft F1 of the boundaries, for thin structures (arXiv:1905.07852)."""
    positive_weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the pixels of a label in `bce` and `focal`, against those of its background."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Targets of `bce` are this far from 0 and 1."""
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    """Exponent of `focal`; 0 is cross-entropy."""
    tversky_false: Share = 0.3
    """Weight of the pixels that are predicted in vain in `tversky`."""
    tversky_missed: Share = 0.7
    """Weight of the pixels that are missed in `tversky`."""
    boundary_width: Annotated[int, Field(ge=3, le=63)] = 5
    """Boundaries count as met within a square of this many pixels, an odd number, in `boundary`."""
    label_weights: tuple[str, ...] = ()
    """Weights of labels in the mean, as `seat_belt:3`; the others have 1."""

    @field_validator("label_weights")
    @classmethod
    def _canonical_weights(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        pairs = sorted(_label_weight(text) for text in value)
        for (label, _), (after, _) in itertools.pairwise(pairs):
            if label == after:
                raise ValueError(f"label_weights names {label} twice")
        # A weight of 1 says nothing, and would give one arm two keys.
        return tuple(f"{label}:{weight:g}" for label, weight in pairs if weight != 1)

    @field_validator("boundary_width")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("boundary_width must be odd, so that the square has a centre")
        return value

    @model_validator(mode="after")
    def _not_all_zero(self) -> LossConfig:
        if not any(self.weights.values()):
            raise ValueError(f"at least one of the loss weights {', '.join(LOSSES)} must be above 0")
        if self.tversky_false + self.tversky_missed <= 0:
            raise ValueError("at least one of tversky_false and tversky_missed must be above 0")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each loss."""
        return {name: getattr(self, name) for name in LOSSES}

    @property
    def weights_by_label(self) -> dict[str, float]:
        """The weight of each label that has one."""
        return dict(_label_weight(text) for text in self.label_weights)


def _label_weight(text: str) -> tuple[str, float]:
    """Return the parts of `seat_belt:3`.

    Raises:
        ValueError: It has another form.
    """
    label, _, number = text.rpartition(":")
    if not label or not re.fullmatch(r"\d*\.?\d+", number, re.ASCII) or float(number) <= 0:
        raise ValueError(f"a weight of a label is written seat_belt:3, above 0, but got {text!r}")
    return canonical_label(label), float(number)
