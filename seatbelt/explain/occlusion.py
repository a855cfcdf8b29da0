"""The simplistic saliency map of the thesis (section 3.4.1): the effect of removing squares of the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt.errors import UserError
from seatbelt.explain.predictor import Predictor, predicted

Compare = Literal["masks", "probabilities"]
"""Input of equation 3.2: the binary predictions of equation 3.1, or their probabilities."""

SQUARE = 8
"""Side of a square in pixels, as in the thesis."""

_PIXELS_AT_ONCE = {"cpu": 120_000}
"""Pixels of a batch: a CPU is slower if they exceed its caches, and wastes time between layers if they are few."""

_PIXELS_OF_OTHERS = 4_000_000


def occlusion(
    predictor: Predictor,
    image: NDArray[np.uint8],
    *,
    square: int = SQUARE,
    fill: str = "white",
    compare: Compare = "masks",
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Remove each square of an image in turn and measure how far the prediction moves.

    The squares lie side by side from the top left corner; the last row and column are smaller if the image is no
    multiple of their side. The distance is that of equation 3.2, the sum of absolute differences over all pixels. For
    `masks` it is the number of pixels whose prediction flips.

    Args:
        predictor: The network.
        image: (H, W, 3), RGB.
        square: Side in pixels.
        fill: Fill of a square, see `fill_colour`.
        compare: `masks` as in the thesis; `probabilities` also measures changes that flip no pixel.
        batch_size: Images per batch; None chooses a fast size for the device. It changes the distances only by the
            rounding errors of the network.
        progress: Called with the number of squares done and their total.

    Returns:
        Distances (rows, columns) in pixels; rows = H / square and columns = W / square, rounded up.

    Raises:
        UserError: The side is below 1, or the fill is unknown.
    """
    if square < 1:
        raise UserError(f"the side of a square must be at least 1 pixel, but got {square}")
    colour = fill_colour(fill, image)
    height, width = image.shape[:2]
    rows, columns = -(-height // square), -(-width // square)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    batch_size = batch_size or max(1, _PIXELS_AT_ONCE.get(predictor.device, _PIXELS_OF_OTHERS) // (height * width))
    benchmark = _output(predictor, image[None], compare)[0]
    distances = np.empty(rows * columns, np.float64)
    for start in range(0, len(places), batch_size):
        chosen = places[start : start + batch_size]
        perturbed = np.repeat(image[None], len(chosen), axis=0)
        for copy, (row, column) in zip(perturbed, chosen, strict=True):
            copy[row * square : (row + 1) * square, column * square : (column + 1) * square] = colour
        moved = (_output(predictor, perturbed, compare) - benchmark).abs().sum(dim=(1, 2), dtype=torch.float64)
        distances[start : start + len(chosen)] = moved.cpu().numpy()
        if progress:
            progress(start + len(chosen), len(places))
    return distances.reshape(rows, columns)


def fill_colour(fill: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colour (3,) that removes a square: `white` (255), `black` (0), `mean` of the image, or a grey value.

    The mean is taken per colour channel and rounded. The fill is a colour of the image before normalisation.

    Raises:
        UserError: The fill is none of these.
    """
    if fill == "mean":
        return np.asarray(np.rint(image.reshape(-1, 3).mean(axis=0)), np.uint8)
    named = {"white": "255", "black": "0"}.get(fill, fill)
    if not (named.isascii() and named.isdigit() and len(named) <= 3 and int(named) <= 255):
        raise UserError(f"a square is filled with white, black, mean or a grey value from 0 to 255, but got {fill!r}")
    return np.full(3, int(named), np.uint8)


def spread(distances: NDArray[np.float64], square: int, height: int, width: int) -> NDArray[np.float64]:
    """Spread the distance of each square evenly over its pixels, (height, width).

    The sum over all pixels equals the sum of the distances, also with smaller squares at the edges.
    """
    heights = np.minimum(square, height - square * np.arange(distances.shape[0]))
    widths = np.minimum(square, width - square * np.arange(distances.shape[1]))
    each = distances / (heights[:, None] * widths[None, :])
    return np.repeat(np.repeat(each, heights, axis=0), widths, axis=1)


def _output(predictor: Predictor, images: NDArray[np.uint8], compare: Compare) -> torch.Tensor:
    logits = predictor.logits(images)
    return predicted(logits).float() if compare == "masks" else torch.sigmoid(logits)
