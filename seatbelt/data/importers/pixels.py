"""Pixels of foreign images and masks: colours to class numbers, odd image formats to RGB."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seatbelt.data.dataset import IGNORE
from seatbelt.data.images import MAX_PIXELS, UnusableImage, open_image, open_mask
from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFile, Notes, Painted

Colour = tuple[int, int, int]

_LOSSLESS = (b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
_CONVERTED_FORMATS = ("PNG", "TIFF", "GIF", "JPEG2000", "PPM")
_DEEP_MODES = ("I;16", "I;16B", "I")
_SHOWN_COLOURS = 20


def read_image(path: Path, where: str) -> tuple[NDArray[np.uint8], bool]:
    """Return an image (H, W, 3) and whether the native format takes its file as it is.

    Raises:
        BadFile: It is missing, damaged, too large or of a kind that cannot be converted either.
    """
    try:
        return open_image(path), True
    except UnusableImage as error:
        converted = _converted(path) if path.is_file() else None
        if converted is None:
            raise BadFile(where, error.what) from None
        return converted, False


def paint_colours(path: Path, where: str, colours: dict[Colour, str], classes: Classes) -> Painted:
    """Return the class numbers of a mask in colours; black without a label of its own is background.

    Args:
        path: A lossless image of any mode; transparency is not looked at.
        where: Its name for messages.
        colours: (red, green, blue) -> label.
        classes: The data set's classes.

    Raises:
        BadFile: The mask cannot be read, or its format changes colours.
    """
    try:
        # What is missing or no file at all is named by open_image.
        if path.is_file() and not _head(path).startswith(_LOSSLESS):
            raise BadFile(where, "masks must be PNG (JPEG changes colours)")
        pixels = open_image(path).astype(np.int32)
    except UnusableImage as error:
        raise BadFile(where, error.what) from None
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    mask = np.full(packed.shape, classes.background, np.uint8)
    known = packed == 0
    notes: Notes = Notes()
    for (red, green, blue), label in colours.items():
        region = packed == (red << 16 | green << 8 | blue)
        known |= region
        paint_label(mask, region, label, classes, notes)
    values, counts = np.unique(packed[~known], return_counts=True)
    largest = np.argsort(-counts, kind="stable")
    for rank, i in enumerate(largest.tolist()):
        value = int(values[i])
        name = f"{value >> 16},{value >> 8 & 255},{value & 255}" if rank < _SHOWN_COLOURS else "others"
        notes["unknown colour", name] += int(counts[i])
    return Painted(mask=mask, notes=notes)


def paint_indices(path: Path, where: str, labels: dict[int, str], classes: Classes) -> Painted:
    """Return the class numbers of an index mask; 255 is ignored, an index without a label is background.

    Args:
        path: An 8-bit single-channel PNG.
        where: Its name for messages.
        labels: Index -> label.
        classes: The data set's classes.

    Raises:
        BadFile: The mask cannot be read, or is of another kind.
    """
    try:
        indices = open_mask(path)
    except UnusableImage as error:
        raise BadFile(where, error.what) from None
    mask = np.full(indices.shape, classes.background, np.uint8)
    notes: Notes = Notes()
    for index in np.unique(indices).tolist():
        region = indices == index
        if index in labels:
            paint_label(mask, region, labels[index], classes, notes)
        elif index == IGNORE:
            mask[region] = IGNORE
            notes["ignored", str(index)] += int(region.sum())
        elif index != 0:
            notes["unknown index", str(index)] += int(region.sum())
    return Painted(mask=mask, notes=notes)


def paint_label(mask: NDArray[np.uint8], region: NDArray[np.bool_], label: str, classes: Classes, notes: Notes) -> None:
    """Paint a label's region (H, W) into a mask (H, W) in place; what is no class becomes background."""
    number = classes.number(label)
    mask[region] = classes.background if number is None else number
    pixels = int(region.sum())
    if number is None and pixels:
        notes["other label", label] += pixels
    elif number == IGNORE and pixels:
        notes["ignored", label] += pixels


def is_grey(path: Path) -> bool:
    """Tell whether a file is a PNG of grey values without a palette (byte 25 is the colour type)."""
    head = _head(path)
    return head.startswith(_LOSSLESS[0]) and head[25:26] == b"\x00"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(26)
    except OSError:
        return b""


def _converted(path: Path) -> NDArray[np.uint8] | None:
    """Return (H, W, 3) of what Pillow reads beyond the native formats, None where it cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_CONVERTED_FORMATS) as file:
                if file.width * file.height > MAX_PIXELS:
                    return None
                if file.mode not in _DEEP_MODES:
                    return None if file.format in ("PNG", "TIFF") else np.asarray(file.convert("RGB"))
                deep = np.asarray(file).astype(np.int64)
    except Exception:
        # Pillow's decoders raise whatever they stumble over; the caller has a reason to show already.
        return None
    if deep.ndim != 2 or deep.min() < 0 or deep.max() > 65535:
        return None
    grey = (deep // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
