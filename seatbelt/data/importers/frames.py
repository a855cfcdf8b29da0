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

Kind = Literal["unknown colour", "unknown index", "unknown label", "other label", "ignored", "overlap", "no outline"]
"""What a reader may notice in a mask that it nevertheless accepts."""

Notes = Counter[tuple[Kind, str]]
"""(kind, colour or label) -> pixels; for `no outline` and for labels without pixels of their own, annotations."""


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
    colours: Path | None = None
    classes: dict[str, int] | None = None
    """The user's own class numbers; index masks have no other names."""


def contained(root: Path, name: object, where: str) -> Path:
    """Return root/name for a name that a file of the source gave.

    Raises:
        BadFile: The name is none, or leaves the root: absolute, by `..`, or over a symbolic link.
    """
    if not isinstance(name, str) or not PurePosixPath(name).name or not name.isprintable():
        raise BadFile(where, f"{shown(name)} is no file name")
    if "\\" in name:
        raise BadFile(where, f"the file name {shown(name)} holds a backslash; write / instead")
    parts = PurePosixPath(name).parts
    if parts[0].startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise BadFile(where, f"the file name {shown(name)} leaves its folder")
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
