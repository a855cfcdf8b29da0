"""Colours of the belt and of the clothes, drawn apart from each other and from the rest of the picture.

The belt is the target of the trial. Clothes are the pixels of the classes in `CLOTHES`, taken from the class indices of
the decoded mask, so that they need be no label of the trial; pixels of the target are never clothes. Both transforms
come before all that moves pixels, where the decoded mask still fits the image. The mask does not change.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from seatbelt.data.augmentation.steps import Pixels, Supplement, SupplementedStep, as_bytes

CLOTHES = (
    "clothes",
    "clothing",
    "coat",
    "dress",
    "jacket",
    "lower_body",
    "lower_wear",
    "pants",
    "pullover",
    "shirt",
    "skirt",
    "sweater",
    "trousers",
    "upper_body",
    "upper_wear",
)
"""Names of classes that are clothes."""

_TARGET = 1


def clothes_table(classes: dict[str, int], target: tuple[str, ...]) -> Pixels:
    """Return the table (256,) that is 1 at the indices of classes of clothes, except those of the target."""
    table = np.zeros(256, np.uint8)
    table[[index for name, index in classes.items() if name in CLOTHES and name not in target]] = 1
    return table


def belt_colour(height: int, width: int, strength: float) -> SupplementedStep:
    """Shift the belt's hue by up to 45 s (of 180), its saturation and its value by up to 40 s (of 255)."""
    return partial(_colour_belt, strength)


def clothes_colour(height: int, width: int, strength: float) -> SupplementedStep:
    """Shift the clothes' hue by up to 45 s (of 180), their saturation and their value by up to 40 s (of 255)."""
    return partial(_colour_clothes, strength)


def _colour_belt(
    strength: float, image: Pixels, mask: Pixels, stream: np.random.Generator, supplement: Supplement
) -> tuple[Pixels, Pixels]:
    return _shifted(image, as_bytes(mask == _TARGET), strength, stream), mask


def _colour_clothes(
    strength: float, image: Pixels, mask: Pixels, stream: np.random.Generator, supplement: Supplement
) -> tuple[Pixels, Pixels]:
    if supplement.clothes is None:
        return image, mask
    region = as_bytes((supplement.clothes == 1) & (mask != _TARGET))
    return _shifted(image, region, strength, stream), mask


def _shifted(image: Pixels, region: Pixels, strength: float, stream: np.random.Generator) -> Pixels:
    """Return the image with the colours shifted where a region (H, W) is 1, all by the same amounts."""
    hue, saturation, value = (round(limit * strength * float(stream.uniform(-1, 1))) for limit in (45, 40, 40))
    if not region.any():
        return image
    values = np.arange(256)
    table = np.stack(
        [np.mod(values + hue, 180), (values + saturation).clip(0, 255), (values + value).clip(0, 255)], axis=-1
    )
    table[0, 1] = 0  # grey stays grey
    left, top, width, height = cv2.boundingRect(region)
    box = (slice(top, top + height), slice(left, left + width))
    pixels = cv2.LUT(cv2.cvtColor(image[box], cv2.COLOR_RGB2HSV), as_bytes(table[None]))
    changed = image.copy()
    cv2.copyTo(cv2.cvtColor(pixels, cv2.COLOR_HSV2RGB), region[box], changed[box])
    return changed
