"""Flips, and what a camera does to a picture: blur, noise, compression and glare.

Each builder takes a strength s from 0 (no change; the step is skipped) over 1 to 2; its docstring says what s scales.
Lengths are relative to the training size. Flips move the mask with the image; nothing else here changes a mask.
"""

from __future__ import annotations

from functools import partial
from statistics import NormalDist

import cv2
import numpy as np

from seatbelt.data.augmentation.steps import Pixels, Step, as_bytes


def horizontal_flip(height: int, width: int, strength: float) -> Step:
    """Mirror left and right, for any strength above 0."""
    return partial(_flip, 1)


def vertical_flip(height: int, width: int, strength: float) -> Step:
    """Mirror top and bottom, for any strength above 0."""
    return partial(_flip, 0)


def _flip(axis: int, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    return as_bytes(cv2.flip(image, axis)), as_bytes(cv2.flip(mask, axis))


def gaussian_blur(height: int, width: int, strength: float) -> Step:
    """Blur by a Gaussian with a standard deviation of up to s/150 of the shorter side, or 0.7 s pixels if larger."""
    return partial(_blur, strength * max(0.7, min(height, width) / 150))


def _blur(largest: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    sigma = largest * float(stream.uniform(0.4, 1))
    return as_bytes(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)), mask


def motion_blur(height: int, width: int, strength: float) -> Step:
    """Smear along a line of any direction, by up to s/40 of the shorter side."""
    return partial(_smear, strength * min(height, width) / 40)


def _smear(longest: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    length, angle = longest * float(stream.uniform(0.2, 1)), float(stream.uniform(0, np.pi))
    side = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((side, side))
    # Points along the line share their weight among the four pixels around them.
    along = np.linspace(-length / 2, length / 2, 8 * side)
    x, y = side // 2 + along * np.cos(angle), side // 2 + along * np.sin(angle)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right, below in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - right - (x - left)) * np.abs(1 - below - (y - top))
        np.add.at(kernel, (top + below, left + right), weight)
    kernel /= kernel.sum()
    return as_bytes(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)), mask


def gauss_noise(height: int, width: int, strength: float) -> Step:
    """Add noise to each value, with a standard deviation of up to 10 s (of 255)."""
    return partial(_add_noise, 10 * strength)


def _add_noise(largest: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    deviation = largest * float(stream.uniform(0.2, 1))
    # One of 256 quantiles for each value is a quarter of the time of normal draws.
    noise = np.rint(deviation * _QUANTILES).astype(np.int16)[stream.integers(0, 256, image.shape, dtype=np.uint8)]
    return as_bytes(cv2.add(image, noise, dtype=cv2.CV_8U)), mask


_QUANTILES = np.array([NormalDist().inv_cdf((number + 0.5) / 256) for number in range(256)])
"""Of the standard normal distribution."""


def jpeg_compression(height: int, width: int, strength: float) -> Step:
    """Compress as JPEG and decompress, with a quality from 90 down to 90 - 40 s."""
    return partial(_compress, round(90 - 40 * strength))


def _compress(lowest: int, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    quality = int(stream.integers(lowest, 91))
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return as_bytes(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)), mask


def sun_glare(height: int, width: int, strength: float) -> Step:
    """Lay the sun over the picture: a bright disc and a wide veil, in the centre of up to 75 s % of full white."""
    return partial(_glare, 0.75 * strength)


def _glare(peak: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    height, width = mask.shape
    share = peak * float(stream.uniform(0.4, 1))
    x, y = float(stream.uniform(0, width)), float(stream.uniform(0, height))
    radius = min(height, width) * float(stream.uniform(0.08, 0.2))
    across = (np.arange(width, dtype=np.float32) - np.float32(x)) ** 2
    down = (np.arange(height, dtype=np.float32) - np.float32(y)) ** 2
    disc, veil = (
        np.exp(-down / np.float32(2 * size**2))[:, None] * np.exp(-across / np.float32(2 * size**2))[None]
        for size in (radius, 4 * radius)
    )
    light = np.float32(share) * (np.float32(0.6) * disc + np.float32(0.4) * veil)
    grey = as_bytes(255 * light.clip(0, 1))
    weights = cv2.LUT(cv2.merge((grey, grey, grey)), _SUNLIGHT)
    # Light adds up like the dark parts of two slides multiply.
    dark = cv2.multiply(cv2.bitwise_not(image), cv2.bitwise_not(weights), scale=1 / 255)
    return as_bytes(cv2.bitwise_not(dark)), mask


_SUNLIGHT = as_bytes(np.rint(np.arange(256)[None, :, None] * np.array([1.0, 0.97, 0.88])))
"""(1, 256, 3): brightness -> colour of the sun."""
