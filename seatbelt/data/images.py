"""Opening one image or mask that nobody vouches for: its header first, and one error for all faults."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

MAX_PIXELS = 50_000_000
"""Images above this are refused by their header, before they are decoded."""

_MASK_FORMATS = ("PNG",)
_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_MASK_MODES = ("L", "P")
_IMAGE_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")


class UnusableImage(Exception):
    """A file that is no image or mask of ours; `what` is the reason without the file."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.what = what


def open_image(path: Path) -> NDArray[np.uint8]:
    """Return an image (H, W, 3) RGB.

    Raises:
        UnusableImage: It is missing, damaged, too large or of another kind.
    """
    with _opened(path, _IMAGE_FORMATS) as file:
        if file.mode not in _IMAGE_MODES:
            what = f"images must have 8 bits per channel, but the mode is {file.mode}"
            raise UnusableImage(_short(path), what)
        # EXIF orientation is not applied: masks have none, and annotation tools differ in what they show.
        return np.asarray(file.convert("RGB"))


def open_mask(path: Path) -> NDArray[np.uint8]:
    """Return a mask (H, W) of class indices.

    Raises:
        UnusableImage: It is missing, damaged, too large or no 8-bit class index PNG.
    """
    with _opened(path, _MASK_FORMATS) as file:
        # Pillow stretches grey values of 2 and 4 bits to 0..255, which changes the class indices.
        stretched = bool(file.tile) and str(file.tile[0].args).startswith("L;")
        if file.mode not in _MASK_MODES or stretched:
            mode = f"{file.tile[0].args} bits" if stretched else file.mode
            what = f"masks must be 8-bit single-channel PNG, but the mode is {mode}"
            raise UnusableImage(_short(path), what)
        return np.asarray(file)


@contextmanager
def _opened(path: Path, formats: tuple[str, ...]) -> Iterator[ImageFile.ImageFile]:
    """Yield an image whose header is acceptable; whatever goes wrong with it is `UnusableImage`."""
    name = _short(path)
    try:
        if not path.is_file():
            raise UnusableImage(name, "is no file" if path.exists() else "the file is missing")
        with warnings.catch_warnings():
            # Pillow warns of large images by their header; our own limit is stricter. It also warns of odd
            # metadata, which says nothing about the pixels.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=formats) as file:
                width, height = file.size
                if width * height > MAX_PIXELS:
                    raise UnusableImage(name, f"{width}x{height} pixels are more than {MAX_PIXELS:,}")
                yield file
    except UnusableImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImage(name, f"more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise UnusableImage(name, f"the image cannot be decoded as {' or '.join(formats)}") from None
    except Exception as error:
        # Pillow's decoders raise whatever they stumble over in a damaged file: struct.error, IndexError, ...
        raise UnusableImage(name, f"the image cannot be decoded ({error})") from None


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
