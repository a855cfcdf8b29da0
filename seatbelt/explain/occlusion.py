"""The thesis' simplistic saliency map (section 3.4.1): what changes when a square of the image is removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt.errors import UserError
from seatbelt.explain.predictor import Predictor, predicted

Compare = Literal["masks", "probabilities"]
"""What equation 3.2 is applied to: the binary predictions of equation 3.1, or the probabilities behind them."""

SQUARE = 8
"""Side of a square in pixels, as in the thesis."""

_PIXELS_AT_ONCE = {"cpu": 120_000}
"""Pixels of a batch: more than fit into its caches make a CPU slower, fewer waste its time between layers."""

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

    The squares lie side by side from the top left corner; those at the bottom and on the right are smaller where
    the image is no multiple of their side. The distance is that of equation 3.2, the sum of absolute differences
    over all pixels: of `masks`, the number of pixels whose prediction flips.

    Args:
        predictor: The network.
        image: (H, W, 3), RGB.
        square: Side in pixels.
        fill: What a square is filled with, see `fill_colour`.
        compare: `masks` as in the thesis; `probabilities` also shows changes that flip no pixel.
        batch_size: Images at a time; None chooses what is fast on the device. It changes the
            distances by no more than the rounding of the network does.
        progress: Called with the number of squares done and their total.

    Returns:
        Distances (rows, columns) in pixels; rows = H / square and columns = W / square, rounded up.

    Raises:
        UserError: A side below 1, or a fill that is not known.
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

    The mean is taken for each colour and rounded. Whatever it is, it is a colour of the image, before normalisation.

    Raises:
        UserError: Anything else.
    """
    if fill == "mean":
        return np.asarray(np.rint(image.reshape(-1, 3).mean(axis=0)), np.uint8)
    named = {"white": "255", "black": "0"}.get(fill, fill)
    if not (named.isascii() and named.isdigit() and len(named) <= 3 and int(named) <= 255):
        raise UserError(f"a square is filled with white, black, mean or a grey value from 0 to 255, but got {fill!r}")
    return np.full(3, int(named), np.uint8)


def spread(distances: NDArray[np.float64], square: int, height: int, width: int) -> NDArray[np.float64]:
    """Return (height, width): the distance of each square shared out evenly among its pixels.

    The sum over all pixels is the sum of the distances, also where squares at the edges are smaller.
    """
    heights = np.minimum(square, height - square * np.arange(distances.shape[0]))
    widths = np.minimum(square, width - square * np.arange(distances.shape[1]))
    each = distances / (heights[:, None] * widths[None, :])
    return np.repeat(np.repeat(each, heights, axis=0), widths, axis=1)


def _output(predictor: Predictor, images: NDArray[np.uint8], compare: Compare) -> torch.Tensor:
    logits = predictor.logits(images)
    return predicted(logits).float() if compare == "masks" else torch.sigmoid(logits)
