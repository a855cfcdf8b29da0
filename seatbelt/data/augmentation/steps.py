"""What every transform is made of: pixels, and steps that change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""An image (H, W, 3) RGB, or a mask (H, W) of class indices with 255 = ignore."""

Step = Callable[[Pixels, Pixels, np.random.Generator], tuple[Pixels, Pixels]]
"""Applies one transform to an image and its mask with a random generator; never writes into either."""


@dataclass(frozen=True, kw_only=True)
class Supplement:
    """What a few transforms need beside the image and its mask. Without it they change nothing."""

    clothes: Pixels | None = None
    """(H, W), 1 where the image shows clothes as it was decoded, 0 elsewhere."""
    donor: Callable[[np.random.Generator], tuple[Pixels, Pixels]] | None = None
    """Draws another training image with the target, and returns it with its mask of channel codes."""


SupplementedStep = Callable[[Pixels, Pixels, np.random.Generator, Supplement], tuple[Pixels, Pixels]]
"""A step that needs a supplement. The mask holds channel codes: 1 is the target."""


def as_bytes(pixels: Any) -> Pixels:  # noqa: ANN401  (results of OpenCV and albumentations are untyped)
    """Return pixels as a contiguous array, without a copy if they already are contiguous."""
    return np.ascontiguousarray(pixels, dtype=np.uint8)
