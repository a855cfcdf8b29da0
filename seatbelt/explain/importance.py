"""The importance of an explanation by region: on the target, near it, or elsewhere.

A network that has learned a shortcut (the usual position, an object beside the target) has its importance elsewhere; a
network that looks at the target concentrates it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

REGIONS = ("target", "near", "elsewhere")

NEAR = 8
"""Distance in pixels that counts as near the target, in images of the thesis' size."""

_NATIVE_PIXELS = 848 * 480
_IGNORED = 255


@dataclass(frozen=True, kw_only=True)
class Share:
    """The importance of one region of one image."""

    region: str
    area: float
    """Share of the pixels that are not ignored."""
    importance: float | None
    """Share of the importance; None if the total is 0."""
    concentration: float | None
    """`importance` / `area`, 1 if the importance is proportional to the size; None for an empty region."""


def near_radius(height: int, width: int) -> int:
    """Return the distance in pixels that counts as near the target, for images of a size.

    It is 8 for the thesis' 848x480 pixels. For other sizes it scales with the square root of the area, and is at least
    1.
    """
    return max(1, round(NEAR * math.sqrt(height * width / _NATIVE_PIXELS)))


def regions(target: NDArray[np.bool_], valid: NDArray[np.bool_], radius: int) -> NDArray[np.uint8]:
    """Return the region code of each pixel (H, W): its index in `REGIONS`, 255 for pixels to ignore.

    Args:
        target: The annotation mask, (H, W).
        valid: Pixels that count, (H, W).
        radius: Largest distance between pixel centres that counts as near.
    """
    assert target.shape == valid.shape and target.ndim == 2, f"{target.shape=}, {valid.shape=}"
    codes = np.full(target.shape, REGIONS.index("elsewhere"), np.uint8)
    on_target = target & valid
    if on_target.any():
        distance = cv2.distanceTransform((~on_target).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        codes[distance <= radius] = REGIONS.index("near")
    codes[on_target] = REGIONS.index("target")
    codes[~valid] = _IGNORED
    return codes


def shares(importance: NDArray[np.float64], region_codes: NDArray[np.uint8]) -> tuple[Share, ...]:
    """Return the share of each region in an importance map.

    Args:
        importance: (H, W), at least 0; for a saliency map see `seatbelt.explain.occlusion.spread`.
        region_codes: (H, W), from `regions`.
    """
    assert importance.shape == region_codes.shape, f"{importance.shape=}, {region_codes.shape=}"
    counted = region_codes != _IGNORED
    pixels = int(np.count_nonzero(counted))
    total = float(importance[counted].sum())
    region_shares = []
    for code, region in enumerate(REGIONS):
        here = region_codes == code
        area = np.count_nonzero(here) / pixels if pixels else 0.0
        part = float(importance[here].sum()) / total if total > 0 else None
        concentration = None if part is None or not area else part / area
        region_shares.append(Share(region=region, area=area, importance=part, concentration=concentration))
    return tuple(region_shares)
