"""What a prediction says about one image, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seatbelt.inference.prediction import Prediction


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Numbers of the target on one image."""

    width: int
    height: int
    share: float
    """Share of the pixels where the target is predicted."""
    components: int
    """Connected regions of predicted pixels; pixels that touch at a corner are connected."""
    largest: int
    """Pixels of the largest region; 0 without one."""
    mean_probability: float | None
    """Mean probability of the predicted pixels; None without any."""
    entropy: float
    """Mean entropy of all pixels' probabilities, bits: 0 where the model is sure, 1 where it is not at all."""


def measure(prediction: Prediction) -> Measures:
    """Return the numbers of a prediction."""
    probability, mask = prediction.probabilities[0], prediction.mask
    height, width = mask.shape
    regions, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = statistics[1:regions, cv2.CC_STAT_AREA]
    return Measures(
        width=width,
        height=height,
        share=float(mask.mean()),
        components=len(sizes),
        largest=int(sizes.max(initial=0)),
        mean_probability=float(probability[mask].mean()) if mask.any() else None,
        entropy=_entropy(probability),
    )


def _entropy(probability: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean())
