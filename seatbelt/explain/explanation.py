"""Both explanations of one prediction and their summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.explain.guided_backpropagation import guided_backpropagation
from seatbelt.explain.importance import Share, near_radius, regions, shares
from seatbelt.explain.occlusion import SQUARE, Compare, occlusion, spread
from seatbelt.explain.predictor import Predictor
from seatbelt.training.metrics import iou


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of an explanation."""

    square: int = SQUARE
    """Side of a removed square in pixels of the training resolution."""
    fill: str = "white"
    """Fill of a removed square: white, black, mean, or a grey value from 0 to 255."""
    compare: Compare = "masks"
    """The predictions that are compared: masks or probabilities."""
    batch_size: int | None = None
    """Perturbed images per batch; None chooses a fast size."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The explanation of one image."""

    options: Options
    image: NDArray[np.uint8]
    """(H, W, 3), RGB."""
    target: NDArray[np.bool_]
    """The annotation mask, (H, W), without ignored pixels."""
    predicted: NDArray[np.bool_]
    """The prediction, (H, W), without ignored pixels."""
    iou: float
    intersection: int
    """Pixels that are both target and predicted."""
    distances: NDArray[np.float64]
    """Saliency map of `occlusion`, (rows, columns)."""
    gradient: NDArray[np.float64]
    """Gradient map of `guided_backpropagation`, (H, W)."""
    radius: int
    """Distance in pixels up to which pixels count as near the target."""
    by_occlusion: tuple[Share, ...]
    by_gradient: tuple[Share, ...]


def explain(
    predictor: Predictor,
    image: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Explain the prediction of one image.

    Args:
        predictor: The network.
        image: (H, W, 3), RGB, at the training resolution.
        codes: (H, W), 1 for the target and 255 for pixels to ignore, see `seatbelt.data.loading.loader`.
        options: Options of the explanation.
        progress: Called with the number of squares done and their total.

    Raises:
        UserError: An option is invalid, or the network has activations that cannot be guided.
    """
    assert image.shape[:2] == codes.shape, f"{image.shape=}, {codes.shape=}"
    height, width = codes.shape
    valid, target = codes != IGNORE, codes == 1
    predicted = predictor.mask(image) & valid
    both = int(np.count_nonzero(predicted & target))
    counts = np.asarray([[both, np.count_nonzero(predicted), np.count_nonzero(target)]], np.int64)
    gradient = guided_backpropagation(predictor, image)
    distances = occlusion(
        predictor,
        image,
        square=options.square,
        fill=options.fill,
        compare=options.compare,
        batch_size=options.batch_size,
        progress=progress,
    )
    radius = near_radius(height, width)
    region_codes = regions(target, valid, radius)
    return Explanation(
        options=options,
        image=image,
        target=target,
        predicted=predicted,
        iou=float(iou(counts)[0]),
        intersection=both,
        distances=distances,
        gradient=gradient,
        radius=radius,
        by_occlusion=shares(spread(distances, options.square, height, width), region_codes),
        by_gradient=shares(gradient, region_codes),
    )
