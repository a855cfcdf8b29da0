"""Predictions as pictures, in colours that colour-blind people tell apart."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from seatbelt.inference.prediction import Image

Mask = NDArray[np.bool_]

FOUND = (86, 180, 233)
"""Sky blue: predicted and annotated. The three colours are of the palette of Okabe and Ito."""
MISSED = (240, 228, 66)
"""Yellow: annotated, but not predicted."""
FALSE = (213, 94, 0)
"""Vermilion: predicted, but not annotated."""

_TINT = 0.55
_DIMMED = 0.45


def overlay(image: Image, mask: Mask) -> Image:
    """Return an image (H, W, 3) with the predicted pixels (H, W) tinted and outlined."""
    tinted = image.astype(np.float32)
    tinted[mask] = (1 - _TINT) * tinted[mask] + _TINT * np.asarray(FOUND, np.float32)
    result = np.ascontiguousarray(tinted.astype(np.uint8))
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(result, contours, -1, FOUND, max(1, round(max(mask.shape) / 600)))
    return result


def outcomes(image: Image, predicted: Mask, target: Mask) -> Image:
    """Return the image (H, W, 3) in dim grey with found, missed and false pixels in their colours."""
    grey = image.astype(np.float32) @ np.asarray((0.299, 0.587, 0.114), np.float32)
    picture = np.repeat((_DIMMED * grey)[:, :, None], 3, axis=2).astype(np.uint8)
    for pixels, colour in ((predicted & target, FOUND), (target & ~predicted, MISSED), (predicted & ~target, FALSE)):
        picture[pixels] = colour
    return picture


def example(image: Image, predicted: Mask, target: Mask) -> Image:
    """Return an image, its annotation and the outcomes side by side, (H, 3 W, 3)."""
    annotated = outcomes(image, target, target)
    return np.concatenate([image, annotated, outcomes(image, predicted, target)], axis=1)


def mask_png(mask: NDArray[np.uint8]) -> bytes:
    """Return a PNG of a mask (H, W) of class numbers."""
    # Masks are small at any effort, and this one is fast.
    done, content = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done, "OpenCV encodes any mask of 8 bits as PNG"
    return content.tobytes()


def jpeg(picture: Image) -> bytes:
    """Return a JPEG of a picture (H, W, 3), RGB."""
    # Colours at full resolution: edges of masks are one pixel wide.
    options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    assert done, "OpenCV encodes any picture of 8 bits as JPEG"
    return content.tobytes()
