"""Smooth displacement fields with the distribution of albumentations' ElasticTransform, at a fraction of its cost.

The library draws uniform noise for every pixel and blurs it with a wide Gaussian filter. The result is a Gaussian field
with known covariance, smooth enough to be described by a coarse grid. This module draws such a grid with exactly that
covariance and enlarges it. It reproduces the library's borders: the library repeats the outermost noise indefinitely,
so that fields grow towards the edges, and it filters both fields as one array, x above y.
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_MARGIN = 4
"""Cells of the grid beyond each edge, needed by the Lanczos filter of the enlargement."""


def maps(height: int, width: int, rms: float, stream: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the source position of each pixel.

    Args:
        height: Height in pixels.
        width: Width in pixels.
        rms: Root mean square of the displacement in x and in y, far from the edges, in pixels.
        stream: Random generator.

    Returns:
        x and y of the source of each pixel, both (height, width), for `cv2.remap`.
    """
    step = max(1, int(filter_width(height, width) / 2))
    rows, columns = _roots(height, width, step)
    noise = stream.standard_normal((len(rows), len(columns)), dtype=np.float32) * np.float32(rms)
    # Not BLAS: its last bits depend on the number of threads.
    coarse = np.einsum("ij,jk->ik", np.einsum("ij,jk->ik", rows, noise), columns)
    over, down = np.split(coarse, 2)
    x, y = _enlarged(over, height, width, step), _enlarged(down, height, width, step)
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    return x, y


def filter_width(height: int, width: int) -> float:
    """Return the standard deviation of the Gaussian filter in pixels, a 25th of the shorter side."""
    return min(height, width) / 25


@functools.lru_cache(maxsize=4)
def _roots(height: int, width: int, step: int) -> tuple[Floats, Floats]:
    """Return the symmetric square roots of the covariance over rows (of both fields) and over columns."""
    sigma = filter_width(height, width)
    down = _places(height, step)
    rows = _filter(np.concatenate([down, height + down]), 2 * height, sigma)
    return _root(rows), _root(_filter(_places(width, step), width, sigma))


def _places(length: int, step: int) -> npt.NDArray[np.float64]:
    """Return the centres of the grid's cells in pixels."""
    cells = np.arange(-_MARGIN, math.ceil(length / step) + _MARGIN, dtype=np.float64)
    return (cells + 0.5) * step - 0.5


def _filter(places: npt.NDArray[np.float64], length: int, sigma: float) -> npt.NDArray[np.float64]:
    """Return the weight of each noise pixel at each cell centre; far from the edges the variance is 1."""
    reach = math.ceil(8 * sigma)
    pixels = np.arange(-reach, length + reach)
    weights = np.exp(-0.5 * ((places[:, None] - pixels) / sigma) ** 2)
    weights[np.abs(places[:, None] - pixels) > 4 * sigma + 1] = 0  # (as OpenCV cuts its kernel)
    weights /= weights.sum(axis=1, keepdims=True)
    folded = weights[:, reach:-reach].copy()
    folded[:, 0] += weights[:, :reach].sum(axis=1)
    folded[:, -1] += weights[:, -reach:].sum(axis=1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(folded / np.sqrt(((kernel / kernel.sum()) ** 2).sum()), np.float64)


def _root(weights: npt.NDArray[np.float64]) -> Floats:
    values, vectors = np.linalg.eigh(weights @ weights.T)
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T, np.float32)


def _enlarged(coarse: Floats, height: int, width: int, step: int) -> Floats:
    size = (coarse.shape[1] * step, coarse.shape[0] * step)
    whole = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LANCZOS4), np.float32)
    edge = _MARGIN * step
    return whole[edge : edge + height, edge : edge + width]
