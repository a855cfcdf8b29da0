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
    return _shifted(image, mask == _TARGET, strength, stream), mask


def _colour_clothes(
    strength: float, image: Pixels, mask: Pixels, stream: np.random.Generator, supplement: Supplement
) -> tuple[Pixels, Pixels]:
    if supplement.clothes is None:
        return image, mask
    return _shifted(image, (supplement.clothes == 1) & (mask != _TARGET), strength, stream), mask


def _shifted(image: Pixels, region: np.ndarray, strength: float, stream: np.random.Generator) -> Pixels:
    """Return the image with the colours of a region (H, W) shifted; all pixels by the same amounts."""
    hue, saturation, value = (round(limit * strength * float(stream.uniform(-1, 1))) for limit in (45, 40, 40))
    if not region.any():
        return image
    pixels = cv2.cvtColor(image[region][None], cv2.COLOR_RGB2HSV).astype(np.int16)
    pixels[..., 0] = np.mod(pixels[..., 0] + hue, 180)
    pixels[..., 1] = np.where(pixels[..., 1] > 0, pixels[..., 1] + saturation, 0)  # grey stays grey
    pixels[..., 2] += value
    changed = image.copy()
    changed[region] = cv2.cvtColor(as_bytes(pixels.clip(0, 255)), cv2.COLOR_HSV2RGB)[0]
    return changed
