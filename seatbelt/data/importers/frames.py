"""What every reader of a foreign format hands over, and how it says what is wrong."""

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
"""What a reader may notice in a mask that it nevertheless accepts."""

LOSSES: tuple[Kind, ...] = (
    "unknown colour",
    "unknown index",
    "unknown label",
    "no outline",
    "no pixels",
    "other shape",
)
"""Kinds by which annotated pixels are lost: an import fails for them unless its user accepts that."""

Notes = Counter[tuple[Kind, str]]
"""(kind, colour or label) -> pixels; for `no outline`, `no pixels` and `other shape`, annotations."""


class Lost(str):
    """A remark on annotations that have no place in the result."""

    __slots__ = ()


class BadFile(Exception):
    """One file of the source that cannot be used: `where` below the source, and `what` is wrong with it."""

    def __init__(self, where: str, what: str) -> None:
        # Names of files may hold line ends, and so may decoders' messages.
        self.where = where if where.isprintable() else repr(where)
        self.what = " ".join(what.split())
        super().__init__(f"{self.where}: {self.what}")


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A mask (H, W) of class numbers, 255 where ignored, and what was noticed while it was painted."""

    mask: NDArray[np.uint8]
    notes: Notes


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One image with its mask, not opened yet."""

    name: str
    """Path below `images/` of the data set to be written; subjects and splits are found by it."""
    image: Path
    paint: Callable[[tuple[int, int]], Painted]
    """(height, width) of the image -> its mask. Raises `BadFile` or `UnusableImage`."""
    subject: str = ""
    split: str = ""
    domain: str = ""
    generation: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a first pass over the source found; no image was opened."""

    labels: frozenset[str]
    images: int
    """About how many frames will come, for the progress bar."""
    classes: dict[str, int] | None = None
    """Class numbers that the source itself fixes: only files written by `data export` do."""
    target: str = ""
    remarks: tuple[str, ...] = ()
    """What was concluded from the whole source, to be told."""


class Source(Protocol):
    """A reader of one format."""

    def survey(self) -> Survey:
        """Collect the labels of the whole source."""

    def frames(self, classes: Classes) -> Iterator[Frame | BadFile | str]:
        """Yield what can be imported, what cannot, and remarks on things that were left out on purpose."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a source keeps its parts, when not in the usual place of its format."""

    images: Path | None = None
    masks: Path | None = None
    mask_suffix: str = ""
    """What the names of masks have more than those of images, before the ending."""
    image_suffix: str = ""
    """What the names of images have more than those of masks, before the ending."""
    unmasked_is_background: bool = False
    """An image without a mask shows no class; otherwise that is a fault."""
    colours: Path | None = None
    classes: dict[str, int] | None = None
    """The user's own class numbers; index masks have no other names. 255 is one here."""
    ignore: tuple[str, ...] = ()
    """Labels, and numbers of index masks, whose pixels shall not count."""
    name_only: bool = False
    """Look for files by the last part of their names, wherever they lie: paths of another machine."""
    bits: int | None = None
    """Bits per channel that images of more than 8 use; None is what they say."""

    @property
    def ignored_numbers(self) -> frozenset[int]:
        """The numbers among `ignore`."""
        return frozenset(int(word) for word in self.ignore if word.isdecimal() and word.isascii())


def contained(root: Path, name: object, where: str, *, hint: str = "") -> Path:
    """Return root/name for a name that a file of the source gave; `hint` says what helps with names that leave it.

    Raises:
        BadFile: The name is none, or leaves the root: absolute, by `..`, or over a symbolic link.
    """
    if not isinstance(name, str) or not PurePosixPath(name).name or not name.isprintable():
        raise BadFile(where, f"{shown(name)} is no file name")
    if "\\" in name:
        raise BadFile(where, f"the file name {shown(name)} holds a backslash; write / instead{hint}")
    parts = PurePosixPath(name).parts
    if parts[0].startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise BadFile(where, f"the file name {shown(name)} leaves its folder{hint}")
    # A file system takes 255 bytes for each; masks get an ending of their own.
    if name != name.rstrip() or len(parts) > 20 or any(len(part.encode()) > 240 for part in parts):
        raise BadFile(where, f"the file name {shown(name)} is too long, or ends with a space")
    try:
        inside = (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        raise BadFile(where, f"{shown(name)} is no file name") from None
    if not inside:
        raise BadFile(where, f"the file name {shown(name)} leaves its folder over a symbolic link")
    return root / name


def shown(value: object) -> str:
    """Return a value of a foreign file for a message; lists may be nested too deeply to be written out."""
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'JSON object'}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
