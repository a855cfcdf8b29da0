"""Untrusted images and masks: the header is checked first, and all faults raise one error.

`read_picture` is the only reader of images, so that import, `data check` and the decoded cache see the same pixels.
They are the pixels that a viewer shows: upright according to EXIF, in sRGB, 8 bits per channel.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from seatbelt.data.datasets.colour import to_srgb
from seatbelt.data.datasets.depth import UnknownDepthError, is_deep, scale_to_8_bits

MAX_PIXELS = 50_000_000
"""Larger images are refused by their header, before they are decoded."""

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
"""Image formats of a native data set."""

_MASK_FORMATS = ("PNG",)
_MASK_MODES = ("L", "P")
_IMAGE_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")
_ORIENTATION = 0x0112

TURNED = "turned upright, as the EXIF orientation says"
"""The change that masks must share."""

_SEE_THROUGH = "partly transparent: the transparency is ignored"
_FIRST_PAGE = "with several pages: only the first one is used"


class UnusableImageError(Exception):
    """A file cannot be used as an image or mask; `what` is the reason without the file name."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.what = what


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image as a viewer shows it."""

    pixels: NDArray[np.uint8]
    """(H, W, 3), sRGB."""
    stored_size: tuple[int, int]
    """(height, width) of the pixels as the file stores them."""
    changes: tuple[str, ...]
    """Differences between `pixels` and the file, for messages; empty for plain images of 8 bits."""


def read_picture(path: Path, *, formats: tuple[str, ...] = IMAGE_FORMATS, bits: int | None = None) -> Picture:
    """Read an image as a viewer shows it.

    Args:
        path: The file.
        formats: Accepted formats, by their names in Pillow.
        bits: Bits per channel in use in images of more than 8; None for those stated in the file.

    Raises:
        UnusableImageError: The file is missing, damaged, too large or of another format.
    """
    with _opened(path, formats) as file:
        changes = []
        # First of all: looking for EXIF data, Pillow may read the pixels and forget how they were stored.
        deep = is_deep(file)
        orientation, stored = _orientation(file), _stored_size(file)
        if getattr(file, "is_animated", False) and file.format in ("TIFF", "GIF"):
            changes.append(_FIRST_PAGE)
        if file.mode in _IMAGE_MODES and _is_transparent(file):
            changes.append(_SEE_THROUGH)
        if deep:
            pixels, change = _scaled(path, file, bits)
            changes.append(change)
        else:
            if file.mode not in _IMAGE_MODES:
                raise UnusableImageError(_short(path), f"images of the mode {file.mode} cannot be used; save it as RGB")
            file.load()
            converted, change = to_srgb(file)
            changes += [change] if change else []
            pixels = np.asarray(converted)
        if orientation != 1:
            changes.append(TURNED)
        # Pillow itself turns TIFF files upright.
        upright = pixels if file.format == "TIFF" else _turn(pixels, orientation)
        return Picture(pixels=np.ascontiguousarray(upright), stored_size=stored, changes=tuple(changes))


def open_stored_colours(path: Path) -> NDArray[np.uint8]:
    """Return the stored colours (H, W, 3) of a coloured mask: they are labels, not light.

    Raises:
        UnusableImageError: The file is missing, damaged, too large, of another format, or has an EXIF orientation.
    """
    with _opened(path, IMAGE_FORMATS) as file:
        if file.mode not in _IMAGE_MODES or is_deep(file):
            raise UnusableImageError(_short(path), f"masks must have 8 bits per channel, but the mode is {_mode(file)}")
        _refuse_turned(path, file)
        return np.asarray(file.convert("RGB"))


def open_mask(path: Path) -> NDArray[np.uint8]:
    """Return a mask (H, W) of class indices.

    Raises:
        UnusableImageError: The file is missing, damaged, too large, no 8-bit class index PNG, or has an EXIF
            orientation.
    """
    with _opened(path, _MASK_FORMATS) as file:
        # Pillow stretches grey values of 2 and 4 bits to 0..255, which changes the class indices.
        stretched = bool(file.tile) and str(file.tile[0].args).startswith("L;")
        if file.mode not in _MASK_MODES or stretched:
            mode = f"{file.tile[0].args} bits" if stretched else file.mode
            what = f"masks must be 8-bit single-channel PNG, but the mode is {mode}"
            raise UnusableImageError(_short(path), what)
        _refuse_turned(path, file)
        return np.asarray(file)


def describe_mismatch(picture: Picture, mask: tuple[int, int]) -> str:
    """Describe the mismatch between a mask of a size (H, W) and its image, and what to do."""
    height, width = picture.pixels.shape[:2]
    text = f"the mask is {mask[1]}x{mask[0]}, but its image {width}x{height}"
    if TURNED in picture.changes and mask == picture.stored_size:
        text += " after its EXIF orientation; turn the mask in the same way, or save both upright"
    return text


@contextmanager
def _opened(path: Path, formats: tuple[str, ...]) -> Iterator[ImageFile.ImageFile]:
    """Yield an image with an acceptable header; every error becomes `UnusableImageError`."""
    name = _short(path)
    try:
        if not path.is_file():
            raise UnusableImageError(name, "is no file" if path.exists() else "the file is missing")
        with warnings.catch_warnings():
            # Pillow warns of large images, but our limit is stricter. It also warns of unusual metadata, which does not
            # affect the pixels.
            warnings.simplefilter("ignore")
            # Not by name: Pillow would map the file into memory and then turn TIFF files of one channel wrongly.
            with path.open("rb") as stream, Image.open(stream, formats=formats) as file:
                width, height = file.size
                if width * height > MAX_PIXELS:
                    raise UnusableImageError(name, f"{width}x{height} pixels are more than {MAX_PIXELS:,}")
                yield file
    except UnusableImageError:
        raise
    except UnknownDepthError as error:
        raise UnusableImageError(name, str(error)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImageError(name, f"more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise UnusableImageError(name, f"the image cannot be decoded as {' or '.join(formats)}") from None
    except Exception as error:
        # Pillow's decoders raise any exception on a damaged file: struct.error, IndexError, ...
        raise UnusableImageError(name, f"the image cannot be decoded ({error})") from None


def _scaled(path: Path, file: ImageFile.ImageFile, bits: int | None) -> tuple[NDArray[np.uint8], str]:
    pixels, change = scale_to_8_bits(path, file, bits)
    return (np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels), change


def _orientation(file: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation from 1 to 8; 1 if it is missing or invalid."""
    try:
        value = file.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, IndexError):
        # Viewers show images with broken EXIF data as they are stored.
        return 1
    return value if value in range(1, 9) else 1


def _stored_size(file: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = file.size
    # Pillow returns the size of a TIFF file after turning it upright.
    turned = file.format == "TIFF" and _orientation(file) >= 5
    return (width, height) if turned else (height, width)


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return pixels (H, W, 3) upright."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _refuse_turned(path: Path, file: ImageFile.ImageFile) -> None:
    if _orientation(file) != 1:
        raise UnusableImageError(
            _short(path), "the mask has an EXIF orientation, which tools interpret differently; save it upright"
        )


def _is_transparent(file: ImageFile.ImageFile) -> bool:
    if file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info:
        return bool(np.asarray(file.convert("RGBA").getchannel("A")).min() < 255)
    return False


def _mode(file: ImageFile.ImageFile) -> str:
    return f"{file.mode} of more bits" if is_deep(file) and file.mode in _IMAGE_MODES else file.mode


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
