"""Pixels of foreign images and masks: colours to class numbers, other image formats to RGB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.datasets.images import (
    IMAGE_FORMATS,
    Picture,
    UnusableImageError,
    open_mask,
    open_stored_colours,
    read_picture,
)
from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFileError, Notes, Painted

Colour = tuple[int, int, int]

_LOSSLESS = (b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
_NATIVE_HEADS = (*_LOSSLESS, b"\xff\xd8\xff", b"RIFF")
"""First bytes of the image formats of a native data set."""
_CONVERTED_FORMATS = ("GIF", "JPEG2000", "PPM")
_MAX_LISTED_COLOURS = 20


def read_image(path: Path, where: str, *, bits: int | None = None) -> tuple[Picture, bool]:
    """Return an image as a viewer shows it, and whether its file can be copied unchanged.

    Raises:
        BadFileError: The file is missing, damaged, too large or of an unsupported format.
    """
    try:
        picture = read_picture(path, formats=(*IMAGE_FORMATS, *_CONVERTED_FORMATS), bits=bits)
    except UnusableImageError as error:
        raise BadFileError(where, error.what) from None
    return picture, not picture.changes and _head(path).startswith(_NATIVE_HEADS)


def paint_colours(path: Path, where: str, colours: dict[Colour, str], classes: Classes) -> Painted:
    """Return the class numbers of a mask in colours; black without a label is background.

    Args:
        path: A lossless image of any mode; transparency is ignored.
        where: Its name for messages.
        colours: (red, green, blue) -> label.
        classes: The data set's classes.

    Raises:
        BadFileError: The mask cannot be read, or its format changes colours.
    """
    try:
        # open_stored_colours reports missing files.
        if path.is_file() and not _head(path).startswith(_LOSSLESS):
            raise BadFileError(where, "masks must be PNG (JPEG changes colours)")
        pixels = open_stored_colours(path).astype(np.int32)
    except UnusableImageError as error:
        raise BadFileError(where, error.what) from None
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    mask = np.full(packed.shape, classes.background, np.uint8)
    labelled = packed == 0
    notes: Notes = Notes()
    for (red, green, blue), label in colours.items():
        region = packed == (red << 16 | green << 8 | blue)
        labelled |= region
        paint_label(mask, region, label, classes, notes)
    values, counts = np.unique(packed[~labelled], return_counts=True)
    largest = np.argsort(-counts, kind="stable")
    for rank, i in enumerate(largest.tolist()):
        value = int(values[i])
        name = f"{value >> 16},{value >> 8 & 255},{value & 255}" if rank < _MAX_LISTED_COLOURS else "others"
        notes["unknown colour", name] += int(counts[i])
    return Painted(mask=mask, notes=notes)


def paint_indices(
    path: Path,
    where: str,
    labels: dict[int, str],
    classes: Classes,
    *,
    ignored: frozenset[int] = frozenset(),
    read: Callable[[Path], NDArray[np.uint8]] = open_mask,
) -> Painted:
    """Return the class numbers of an index mask; 255 is ignored, an index without a label is background.

    Args:
        path: An 8-bit single-channel PNG.
        where: Its name for messages.
        labels: Index -> label; may contain 255.
        classes: The data set's classes.
        ignored: Further indices that are ignored.
        read: Returns the indices (H, W) of a file.

    Raises:
        BadFileError: The mask cannot be read, or is of another format.
    """
    try:
        indices = read(path)
    except UnusableImageError as error:
        raise BadFileError(where, error.what) from None
    mask = np.full(indices.shape, classes.background, np.uint8)
    notes: Notes = Notes()
    for index in np.unique(indices).tolist():
        region = indices == index
        if index in labels:
            paint_label(mask, region, labels[index], classes, notes)
        elif index == IGNORE or index in ignored:
            mask[region] = IGNORE
            notes["ignored", str(index)] += int(region.sum())
        elif index != 0:
            notes["unknown index", str(index)] += int(region.sum())
    return Painted(mask=mask, notes=notes)


def open_any_indices(path: Path) -> NDArray[np.uint8]:
    """Return the indices (H, W) of a mask, also of one bit or in grey as RGB.

    One bit becomes 0 and 255.

    Raises:
        UnusableImageError: The mask is missing, damaged, too large, or contains colours.
    """
    try:
        return open_mask(path)
    except UnusableImageError as error:
        if not path.is_file() or not _head(path).startswith(_LOSSLESS[0]) or "but the mode is" not in error.what:
            raise
        colours = open_stored_colours(path)
        stretched = is_grey(path) and _head(path)[24:25] in (b"\x02", b"\x04")
        if stretched or (colours != colours[..., :1]).any():
            hint = "" if stretched else "; if they are colours, name them with --colours, lines NAME:RED,GREEN,BLUE"
            raise UnusableImageError("", f"{error.what}{hint}") from None
        return np.ascontiguousarray(colours[..., 0])


def paint_background(classes: Classes, size: tuple[int, int]) -> Painted:
    """Return the mask of an image of size (H, W) without annotations."""
    return Painted(mask=np.full(size, classes.background, np.uint8), notes=Notes())


def paint_label(mask: NDArray[np.uint8], region: NDArray[np.bool_], label: str, classes: Classes, notes: Notes) -> None:
    """Paint the region (H, W) of a label into a mask (H, W) in place; labels without a class become background."""
    number = classes.number(label)
    mask[region] = classes.background if number is None else number
    pixels = int(region.sum())
    if number is None and pixels:
        notes["other label", label] += pixels
    elif number == IGNORE and pixels:
        notes["ignored", label] += pixels


def is_grey(path: Path) -> bool:
    """Return whether a file is a PNG of grey values without a palette (byte 25 is the colour type)."""
    head = _head(path)
    return head.startswith(_LOSSLESS[0]) and head[25:26] == b"\x00"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(26)
    except OSError:
        return b""
