"""OpenCV's resizing of 8-bit images, on arrays and in tensor operations: a graph sees the pixels that training saw.

Training resizes with `cv2.resize`: INTER_AREA if a side shrinks, otherwise INTER_LINEAR. OpenCV computes INTER_AREA as
a linear interpolation with its own weights unless both sides shrink, and linear interpolation in fixed-point numbers.

Means over areas often lie halfway between two whole numbers, where OpenCV's rounding depends on the order of its sums.
Both functions here treat what is nearly halfway as halfway, so that they agree with each other except for a mean at the
very edge of "nearly". They agree with OpenCV except for such pixels where the ratio of the sizes is no whole number:
one grey level in about one pixel of a thousand.

Sizes are tensors in the graph, because a graph with branches for them would only be valid for the size of its example.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

_UNIT = 2048.0
"""OpenCV's fixed-point weights are multiples of 1 / this."""
_TIE = 1e-3
"""A mean this near the middle of two whole numbers lies in the middle."""


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an image (H, W, 3) as training does."""
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    if rows < height or columns < width:
        resized = resize_images(torch.tensor(image).unsqueeze(0), height, width)[0]
        return np.asarray(resized.permute(1, 2, 0).to(torch.uint8).numpy())
    means = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    floor = np.floor(means)
    share = means - floor
    if rows == 2 * height and columns == 2 * width:
        rounded = floor + (share > 0.5 - _TIE)
    else:
        rounded = np.where(np.abs(share - 0.5) < _TIE, floor + floor % 2, np.floor(means + 0.5))
    return np.asarray(rounded, np.uint8)


def resize_images(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize images as training does.

    Args:
        images: (N, H, W, 3), uint8.
        height: Training size in pixels.
        width: Training size in pixels.

    Returns:
        (N, 3, height, width), float32, whole numbers from 0 to 255.
    """
    rows, columns = images.shape[1], images.shape[2]
    pixels = images.permute(0, 3, 1, 2).to(torch.float32)
    vertical, horizontal = _scale(rows, height, pixels.device), _scale(columns, width, pixels.device)
    scales = (vertical, horizontal)
    both_shrink = (vertical >= 1) & (horizontal >= 1)
    neither_shrinks = (vertical <= 1) & (horizontal <= 1)
    area = _by_area(pixels, (height, width), (rows, columns), scales)
    # OpenCV has a faster path for halves, which rounds up; elsewhere it rounds to even.
    halved = (vertical == 2) & (horizontal == 2)
    floor = torch.floor(area)
    to_even = torch.where(((area - floor) - 0.5).abs() < _TIE, floor + floor % 2, torch.floor(area + 0.5))
    area = torch.where(halved, torch.floor(area + (0.5 + _TIE)), to_even)
    linear = _by_interpolation(pixels, (height, width), (rows, columns), scales, neither_shrinks)
    return torch.where(both_shrink, area, linear).clamp(0, 255)


def _by_area(
    pixels: torch.Tensor, size: tuple[int, int], source: tuple[int, int], scales: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Return means over the area of each target pixel, (N, 3, height, width)."""
    device = pixels.device
    rows = _area_weights(size[0], source[0], scales[0], device)
    columns = _area_weights(size[1], source[1], scales[1], device)
    return torch.matmul(rows, torch.matmul(pixels, columns.transpose(0, 1)))


def _area_weights(size: int, source: int, scale: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return the weight of each source pixel in each target pixel, (size, source)."""
    target = torch.arange(size, dtype=torch.float64, device=device).unsqueeze(1)
    pixel = torch.arange(source, dtype=torch.float64, device=device).unsqueeze(0)
    overlap = torch.minimum(pixel + 1, (target + 1) * scale) - torch.maximum(pixel, target * scale)
    return (overlap.clamp(min=0) / scale).to(torch.float32)


def _by_interpolation(
    pixels: torch.Tensor,
    size: tuple[int, int],
    source: tuple[int, int],
    scales: tuple[torch.Tensor, torch.Tensor],
    neither_shrinks: torch.Tensor,
) -> torch.Tensor:
    """Return OpenCV's fixed-point linear interpolation, (N, 3, height, width)."""
    device = pixels.device
    row, upper, lower = _taps(size[0], source[0], scales[0], neither_shrinks, device)
    column, left, right = _taps(size[1], source[1], scales[1], neither_shrinks, device)
    near, far = _neighbours(pixels.to(torch.float64), 3, column, source[1])
    lines = torch.floor((near * left + far * right) / 16)
    near, far = _neighbours(lines, 2, row, source[0])
    products = (near * upper.unsqueeze(1), far * lower.unsqueeze(1))
    above, below = (torch.floor(product / 65536) for product in products)
    return torch.floor((above + below + 2) / 4).to(torch.float32)


def _taps(
    size: int, source: int, scale: torch.Tensor, neither_shrinks: torch.Tensor, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the first of both source pixels of each target pixel, and the weights of both in 1/2048, (size,) each."""
    target = torch.arange(size, dtype=torch.float64, device=device)
    centre = (target + 0.5) * scale - 0.5
    edge = torch.floor(target * scale)
    share = ((target + 1) - (edge + 1) * (_scalar(size, device) / _scalar(source, device))).to(torch.float32)
    share = torch.where(share <= 0, torch.zeros_like(share), share - torch.floor(share))
    first = torch.where(neither_shrinks, torch.floor(centre), edge)
    # OpenCV holds the weights as float32 before it rounds them.
    weight = torch.where(neither_shrinks, centre - torch.floor(centre), share).to(torch.float32)
    near, far = (torch.round(part * _UNIT).to(torch.float64) for part in (1 - weight, weight))
    return first.to(torch.int64), near, far


def _neighbours(pixels: torch.Tensor, axis: int, first: torch.Tensor, source: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels at some positions along an axis, and those after them; those at the edges repeat."""
    last = _scalar(source - 1, pixels.device).to(torch.int64)
    near, far = (torch.minimum(position.clamp(min=0), last) for position in (first, first + 1))
    return torch.index_select(pixels, axis, near), torch.index_select(pixels, axis, far)


def _scale(source: int, size: int, device: torch.device) -> torch.Tensor:
    """Return source pixels per target pixel.

    OpenCV inverts the rounded inverse; the last bit decides which pixel a whole multiple falls on. The division is of
    tensors, because ONNX would divide plain sizes as float32.
    """
    return 1 / (_scalar(size, device) / _scalar(source, device))


def _scalar(value: float, device: torch.device) -> torch.Tensor:
    return torch.scalar_tensor(value, dtype=torch.float64, device=device)
