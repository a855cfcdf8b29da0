"""Where the importance of an explanation lies: on the target, near it, or elsewhere.

A network that has learned a shortcut (the usual place, something that comes with the target) takes its importance
from elsewhere; one that looks at the target concentrates it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

REGIONS = ("target", "near", "elsewhere")

NEAR = 8
"""Pixels around the target that count as near it in images of the thesis' size."""

_NATIVE_PIXELS = 848 * 480
_IGNORED = 255


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one region of one image has of its importance."""

    region: str
    area: float
    """Its share of the pixels that are not ignored."""
    importance: float | None
    """Its share of the importance; None where nothing has any."""
    concentration: float | None
    """`importance` / `area`: 1 if the region is as important as its size; None for an empty region."""


def near_radius(height: int, width: int) -> int:
    """Return how many pixels around the target are near it, for images of a size.

    8 in the thesis' 848x480 pixels, in other sizes the same share of the root of the area, and at least 1.
    """
    return max(1, round(NEAR * math.sqrt(height * width / _NATIVE_PIXELS)))


def regions(target: NDArray[np.bool_], valid: NDArray[np.bool_], radius: int) -> NDArray[np.uint8]:
    """Return the region of each pixel (H, W): its position in `REGIONS`, 255 for pixels to ignore.

    Args:
        target: The annotation mask, (H, W).
        valid: Pixels that are not to be ignored, (H, W).
        radius: Largest distance to a target pixel, between pixel centres, that is near.
    """
    assert target.shape == valid.shape and target.ndim == 2, f"{target.shape=}, {valid.shape=}"
    found = np.full(target.shape, REGIONS.index("elsewhere"), np.uint8)
    shown = target & valid
    if shown.any():
        distance = cv2.distanceTransform((~shown).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        found[distance <= radius] = REGIONS.index("near")
    found[shown] = REGIONS.index("target")
    found[~valid] = _IGNORED
    return found


def shares(importance: NDArray[np.float64], of_pixel: NDArray[np.uint8]) -> tuple[Share, ...]:
    """Return what each region has of an importance.

    Args:
        importance: (H, W), at least 0; of a saliency map see `seatbelt.explain.occlusion.spread`.
        of_pixel: What `regions` returns, (H, W).
    """
    assert importance.shape == of_pixel.shape, f"{importance.shape=}, {of_pixel.shape=}"
    counted = of_pixel != _IGNORED
    pixels = int(np.count_nonzero(counted))
    total = float(importance[counted].sum())
    found = []
    for code, region in enumerate(REGIONS):
        here = of_pixel == code
        area = np.count_nonzero(here) / pixels if pixels else 0.0
        part = float(importance[here].sum()) / total if total > 0 else None
        concentration = None if part is None or not area else part / area
        found.append(Share(region=region, area=area, importance=part, concentration=concentration))
    return tuple(found)
