"""Files of a folder in natural order (2 before 10), with the names of one folder in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatbelt.data.datasets.spelling import spelled
from seatbelt.data.importers.frames import BadFileError

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"),
    *(".gif", ".jp2", ".ppm", ".pgm"),
)


def walk(root: Path, below: str = "") -> Iterator[str | BadFileError]:
    """Yield the paths of all files below root, with forward slashes and without hidden files.

    Links to folders are not followed, because they may lead anywhere, even back.
    """
    here = root / below
    try:
        entries = sorted(here.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        yield BadFileError(below or ".", f"the folder cannot be read ({error.strerror})")
        return
    for path in entries:
        name = f"{below}/{path.name}" if below else path.name
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield name
        elif path.is_symlink():
            yield BadFileError(name, "is a link to a folder; put the folder itself there")
        else:
            yield from walk(root, name)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders numbers by value."""
    return [
        (0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    ]


def with_image_suffix(root: Path, stem: str) -> str | None:
    """Return the name of the image root/stem with its suffix, None if there is none."""
    return with_suffix(root, stem, IMAGE_SUFFIXES)


def with_suffix(root: Path, stem: str, suffixes: Sequence[str]) -> str | None:
    """Return the name of the file root/stem with one of some suffixes in any case, None if there is none."""
    spellings = (spelled(root, f"{stem}{suffix}") for suffix in suffixes)
    return next((spelling for spelling in spellings if spelling is not None), None)
