"""The interface of readers of foreign formats: frames, findings and errors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.importers.classes import Classes

Kind = Literal[
    "unknown colour",
    "unknown index",
    "unknown label",
    "other label",
    "ignored",
    "overlap",
    "no outline",
    "no pixels",
    "other shape",
]
"""Findings in a mask that a reader accepts nevertheless."""

LOSSES: tuple[Kind, ...] = (
    "unknown colour",
    "unknown index",
    "unknown label",
    "no outline",
    "no pixels",
    "other shape",
)
"""Kinds that lose annotated pixels: an import fails on them unless the user accepts the loss."""

Notes = Counter[tuple[Kind, str]]
"""(kind, colour or label) -> number of pixels, or of annotations for `no outline`, `no pixels` and `other shape`."""


class Lost(str):
    """A remark on annotations that are missing from the result."""

    __slots__ = ()


class BadFileError(Exception):
    """A file of the source cannot be used: `where` below the source, and `what` is wrong."""

    def __init__(self, where: str, what: str) -> None:
        # Names of files and messages of decoders may contain line ends.
        self.where = where if where.isprintable() else repr(where)
        self.what = " ".join(what.split())
        super().__init__(f"{self.where}: {self.what}")


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A mask (H, W) of class numbers, 255 where ignored, and the findings while painting it."""

    mask: NDArray[np.uint8]
    notes: Notes


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image with its mask, not yet opened."""

    name: str
    """Path below `images/` in the result; subjects and splits are assigned by it."""
    image: Path
    paint: Callable[[tuple[int, int]], Painted]
    """(height, width) of the image -> its mask. Raises `BadFileError` or `UnusableImageError`."""
    subject: str = ""
    split: str = ""
    domain: str = ""
    generation: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The result of a first pass over the source, which opens no image."""

    labels: frozenset[str]
    images: int
    """Approximate number of frames, for the progress bar."""
    classes: dict[str, int] | None = None
    """Class numbers of the source, which only files written by `data export` have."""
    target: str = ""
    remarks: tuple[str, ...] = ()
    """Conclusions from the whole source, for the user."""


class Reader(Protocol):
    """A reader of one format."""

    def survey(self) -> Survey:
        """Collect the labels of the whole source."""

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the usable images, the unusable files, and remarks on items that were left out on purpose."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Places and options of a source that differ from the default of its format."""

    images: Path | None = None
    masks: Path | None = None
    mask_suffix: str = ""
    """Suffix of mask names relative to image names, before the extension."""
    image_suffix: str = ""
    """Suffix of image names relative to mask names, before the extension."""
    unmasked_is_background: bool = False
    """Images without a mask show no class; otherwise they are faults."""
    colours: Path | None = None
    classes: dict[str, int] | None = None
    """The user's class numbers, the only names for index masks. 255 may be one of them."""
    ignore: tuple[str, ...] = ()
    """Labels, or numbers of index masks, whose pixels are ignored."""
    name_only: bool = False
    """Find files by the last part of their names, for paths from another machine."""
    bits: int | None = None
    """Bits per channel in use in images of more than 8; None for those stated in the file."""

    @property
    def ignored_numbers(self) -> frozenset[int]:
        """The numbers among `ignore`."""
        return frozenset(int(word) for word in self.ignore if word.isdecimal() and word.isascii())


def contained(root: Path, name: object, where: str, *, hint: str = "") -> Path:
    """Return root/name for a name from a file of the source.

    Raises:
        BadFileError: The name is invalid or leaves the root: absolute, by `..`, or through a symbolic link; `hint` is
            part of the message.
    """
    if not isinstance(name, str) or not PurePosixPath(name).name or not name.isprintable():
        raise BadFileError(where, f"{quoted(name)} is no file name")
    if "\\" in name:
        raise BadFileError(where, f"the file name {quoted(name)} holds a backslash; write / instead{hint}")
    parts = PurePosixPath(name).parts
    if parts[0].startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise BadFileError(where, f"the file name {quoted(name)} leaves its folder{hint}")
    # File systems allow 255 bytes per part; masks get another extension.
    if name != name.rstrip() or len(parts) > 20 or any(len(part.encode()) > 240 for part in parts):
        raise BadFileError(where, f"the file name {quoted(name)} is too long, or ends with a space")
    try:
        inside = (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        raise BadFileError(where, f"{quoted(name)} is no file name") from None
    if not inside:
        raise BadFileError(where, f"the file name {quoted(name)} leaves its folder through a symbolic link")
    return root / name


def quoted(value: object) -> str:
    """Return a value of a foreign file for a message, shortened; lists may be nested too deeply to print."""
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'JSON object'}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
