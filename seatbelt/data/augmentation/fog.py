"""Fog with the distribution of albumentations' RandomFog, at a fraction of its cost.

The library blends one circle after another over the whole picture: each changes a value v to (1 - a) v + 255 a. After n
circles the share (1 - a)^n of the picture remains, so it is enough to count the circles over each pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Circles = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""x, y and radius of each circle, in pixels."""

_OPACITY = 0.08
_REGIONS = 10


def fogged(
    image: Bytes, opacity: float, stream: np.random.Generator, intensities: tuple[float, float] = (0.3, 1.0)
) -> Bytes:
    """Return a picture under circles of fog, slightly blurred with a kernel of a thirtieth of its shorter side.

    Args:
        image: (H, W, 3).
        opacity: Opacity of a circle at full intensity, as a multiple of the library's 0.08.
        stream: Random generator.
        intensities: Range of the intensity; a stronger fog has fewer, larger and denser circles.
    """
    height, width = image.shape[:2]
    left = _left_over(height, width, opacity, stream.uniform(*intensities), stream)
    share = cv2.merge([left, left, left])
    result = cv2.bitwise_not(image)
    cv2.multiply(result, share, dst=result, scale=1 / 255)
    cv2.bitwise_not(result, dst=result)
    kernel = max(3, min(height, width) // 30) | 1
    return np.asarray(cv2.GaussianBlur(result, (kernel, kernel), 0, dst=share), np.uint8)


def _left_over(height: int, width: int, opacity: float, intensity: float, stream: np.random.Generator) -> Bytes:
    """Draw the remaining share of each pixel under the fog in 255ths, (height, width)."""
    shrink = max(1, min(height, width) // 240)
    counts = _counts(_circles(height, width, intensity, stream), -(-height // shrink), -(-width // shrink), shrink)
    left = (1 - _OPACITY * opacity * intensity) ** np.arange(counts.max() + 1)
    small = np.rint(255 * left).astype(np.uint8)[counts]
    if shrink == 1:
        return small
    size = (small.shape[1] * shrink, small.shape[0] * shrink)
    whole = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.ascontiguousarray(whole[:height, :width])


def _circles(height: int, width: int, intensity: float, stream: np.random.Generator) -> Circles:
    """Draw circles as the library does: in up to ten regions, each a tenth smaller than the previous one."""
    region = max(1, int(width // 3 * intensity))
    middle_x, middle_y = int(width / 2 - 0.5), int(height / 2 - 0.5)
    across, down = width, height
    xs, ys = [], []
    for _ in range(_REGIONS):
        if across <= region or down <= region:
            break
        number = int(across * down / (region * region) * intensity * 10)
        xs.append(stream.integers(middle_x - across // 2, middle_x + across // 2 + 1, number))
        ys.append(stream.integers(middle_y - down // 2, middle_y + down // 2 + 1, number))
        across, down = int(across * 0.9), int(down * 0.9)
    x, y = (np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (xs, ys))
    largest = max(2, int(min(height, width) * 0.1 * intensity))
    return x, y, stream.integers(max(1, largest // 2), largest, len(x))


def _counts(circles: Circles, rows: int, columns: int, shrink: int) -> npt.NDArray[np.int32]:
    """Count the circles over each pixel of a shrunk picture: in every row, each circle starts once and ends once."""
    x, y, radius = (values.astype(np.float64) for values in circles)
    x, y, radius = (x + 0.5) / shrink - 0.5, (y + 0.5) / shrink - 0.5, radius / shrink
    first = np.ceil(y - radius).astype(np.int64)
    heights = np.floor(y + radius).astype(np.int64) - first + 1
    circle = np.repeat(np.arange(len(x)), heights)
    row = np.arange(len(circle)) - np.repeat(np.cumsum(heights) - heights - first, heights)
    inside = (row >= 0) & (row < rows)
    circle, row = circle[inside], row[inside]
    half = np.sqrt(np.maximum(radius[circle] ** 2 - (row - y[circle]) ** 2, 0))
    begin = np.clip(np.ceil(x[circle] - half).astype(np.int64), 0, columns)
    end = np.clip(np.floor(x[circle] + half).astype(np.int64) + 1, 0, columns)
    size = rows * (columns + 1)
    base = row * (columns + 1)
    change = np.bincount(base + begin, minlength=size) - np.bincount(base + end, minlength=size)
    return np.cumsum(change.reshape(rows, columns + 1), axis=1, dtype=np.int32)[:, :columns]
