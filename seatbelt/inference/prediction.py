"""What a model sees on one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatbelt.inference.record import ModelRecord

Image = NDArray[np.uint8]
"""(H, W, 3), RGB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a model sees on one image."""

    probabilities: NDArray[np.float32]
    """(K, H, W) at the size of the image, the target first."""
    record: ModelRecord
    """The model, for the names and numbers of the labels."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the target is, (H, W)."""
        return np.asarray(self.probabilities[0] > self.record.threshold)

    @property
    def classes(self) -> NDArray[np.uint8]:
        """The class number of each pixel, (H, W).

        Where several labels are above the threshold, the target wins, and then the most probable label.
        """
        numbers = np.full(self.probabilities.shape[1:], self.record.background, np.uint8)
        labels = np.asarray([label.number for label in self.record.labels], np.uint8)
        context = self.probabilities[1:]
        if len(context):
            numbers = np.where(context.max(axis=0) > self.record.threshold, labels[1:][context.argmax(axis=0)], numbers)
        return np.where(self.mask, labels[0], numbers)


class Predictor(Protocol):
    """A model in any form. The three steps may run in different threads, the second in one at a time."""

    record: ModelRecord

    def prepare(self, image: Image) -> Image:
        """Return an image as `forward` takes it."""

    def forward(self, images: Sequence[Image]) -> Sequence[Any]:
        """Return what `finish` takes, for each prepared image."""

    def finish(self, output: Any, size: tuple[int, ...]) -> Prediction:  # noqa: ANN401  (of this model's `forward`)
        """Return the prediction at the size (H, W) of an image."""
