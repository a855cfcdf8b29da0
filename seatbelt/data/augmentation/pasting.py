"""Pastes the belt of another training image onto an image without one: people without a belt get one.

The belt is the target of the trial, code 1 of the mask. Images that show the target stay as they are. Nothing says
whether anybody sits in the seat, so that an empty seat gets a belt too.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from seatbelt.data.augmentation.steps import Pixels, Supplement, SupplementedStep

_TARGET, _IGNORE = 1, 255


def copy_paste(height: int, width: int, strength: float) -> SupplementedStep:
    """Paste a belt where its donor has it, but for up to 2 s % of each side, and 5 s % larger or smaller."""
    return partial(_paste, strength)


def _paste(
    strength: float, image: Pixels, mask: Pixels, stream: np.random.Generator, supplement: Supplement
) -> tuple[Pixels, Pixels]:
    if supplement.donor is None or (mask == _TARGET).any():
        return image, mask
    donor, codes = supplement.donor(stream)
    height, width = mask.shape
    scale = 1 + 0.05 * strength * float(stream.uniform(-1, 1))
    shift_x, shift_y = (0.02 * strength * side * float(stream.uniform(-1, 1)) for side in (width, height))
    belt = np.where(codes == _TARGET, np.uint8(255), np.uint8(0))
    move = np.array(
        [[scale, 0, (1 - scale) * width / 2 + shift_x], [0, scale, (1 - scale) * height / 2 + shift_y]], np.float64
    )
    moved = cv2.warpAffine(donor, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(belt, move, (width, height), flags=cv2.INTER_LINEAR)
    # Soft edges: a hard one would be a sign of pasted belts that no real belt has.
    opacity = cv2.GaussianBlur(cover, (3, 3), 0)
    left, top, box_width, box_height = cv2.boundingRect(opacity)
    box = (slice(top, top + box_height), slice(left, left + box_width))
    share = opacity[box][..., None].astype(np.uint16)
    blended = image.copy()
    blended[box] = (moved[box] * share + image[box] * (255 - share) + 127) // 255  # at most 65,152: 16 bits hold it
    return blended, np.where((cover > 127) & (mask != _IGNORE), np.uint8(_TARGET), mask)
