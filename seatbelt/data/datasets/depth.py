"""Images of more than 8 bits per channel: scaled to 8 bits by their real depth, or refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_MAX_SAMPLE_VALUE = 281
_CHUNK = 8
_LEAST_FULL = 2**14
"""A file of 16 bits without a larger value may hold 10, 12 or 14 bits, or a dark picture: its depth is ambiguous."""


class UnknownDepthError(Exception):
    """The values of an image cannot be scaled; the text says why and what to do."""


def is_deep(file: ImageFile.ImageFile) -> bool:
    """Return whether an open but not yet loaded image has more than 8 bits per channel."""
    # Pillow reads colours of 16 bits as 8 bits and drops the lower half of each value.
    return file.mode in _DEEP_MODES or any(";16" in str(tile.args) for tile in file.tile)


def scale_to_8_bits(path: Path, file: ImageFile.ImageFile, bits: int | None) -> tuple[NDArray[np.uint8], str]:
    """Return a deep image, (H, W) or (H, W, 3) RGB as stored, and a description of the scaling.

    Args:
        path: The file.
        file: The same file, open.
        bits: Bits per channel in use; None for those stated in the file.

    Raises:
        UnknownDepthError: The meaning of the values is ambiguous, or they do not fit the bits.
    """
    stated = bits or _stated_bits(path, file)
    values = _values(path, file)
    if values.dtype.kind == "f":
        return _scaled_floats(values), "scaled from floating-point values between 0 and 1 to 8 bits"
    top = int(values.max(initial=0))
    if int(values.min(initial=0)) < 0 or top >= 2**16:
        raise UnknownDepthError(f"its values reach from {values.min()} to {top}; save it with 8 or 16 bits per channel")
    if stated is None and 0 < top < _LEAST_FULL:
        raise UnknownDepthError(
            f"it has 16 bits per channel but no value above {top}, so that its real depth is unknown; import it "
            "with --bits 10, 12, 14 or 16 (or save it with 8)"
        )
    depth = stated or 16
    if top >= 2**depth:
        raise UnknownDepthError(f"it holds the value {top}, which {depth} bits cannot; import it with another --bits")
    return np.rint(values * (255 / (2**depth - 1))).astype(np.uint8), f"scaled from {depth} bits per channel to 8"


def _values(path: Path, file: ImageFile.ImageFile) -> NDArray[Any]:
    if file.mode in _DEEP_MODES:
        file.load()
        values = np.asarray(file)
        return values if values.dtype.kind == "f" else values.astype(np.int64)
    # OpenCV and Pillow both turn the pixels of TIFF files upright, but not of PNG files.
    decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise UnknownDepthError("its 16 bits per channel cannot be decoded; save it with 8")
    return decoded[..., 2::-1].astype(np.int64)


def _scaled_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not (math.isfinite(low) and math.isfinite(high) and low >= 0 and high <= 1):
        raise UnknownDepthError(
            f"its floating-point values reach from {low:g} to {high:g}, but only 0 to 1 is unambiguous; save it with "
            "8 or 16 bits per channel"
        )
    scaled: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return scaled


def _stated_bits(path: Path, file: ImageFile.ImageFile) -> int | None:
    """Return the number of the 16 bits in use according to the file."""
    if file.format == "PNG":
        return _significant_bits(path)
    tags: Any = getattr(file, "tag_v2", {})
    if any(";12" in str(tile.args) for tile in file.tile):
        return 12
    top = tags.get(_MAX_SAMPLE_VALUE)
    largest = max(top) if isinstance(top, tuple) and top else top
    return math.ceil(math.log2(largest + 1)) if isinstance(largest, int) and 255 < largest < 2**16 else None


def _significant_bits(path: Path) -> int | None:
    """Return the bits stated in the chunk sBIT of a PNG, None without a useful one."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(_CHUNK)) == _CHUNK and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4])
            if head[4:] == b"sBIT":
                bits = set(file.read(min(length, 4)))
                return max(bits) if bits and all(8 < value <= 16 for value in bits) else None
            file.seek(length + 4, 1)
    return None
