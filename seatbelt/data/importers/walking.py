"""Files of a folder in natural order (2 before 10), a folder's names at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatbelt.data.datasets.spelling import spelled
from seatbelt.data.importers.frames import BadFile

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"),
    *(".gif", ".jp2", ".ppm", ".pgm"),
)


def walk(root: Path, below: str = "") -> Iterator[str | BadFile]:
    """Yield the paths below root of all files, with forward slashes; hidden ones are left out.

    Links to folders are not followed, since they may lead anywhere, also back.
    """
    here = root / below
    try:
        entries = sorted(here.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        yield BadFile(below or ".", f"the folder cannot be read ({error.strerror})")
        return
    for path in entries:
        name = f"{below}/{path.name}" if below else path.name
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield name
        elif path.is_symlink():
            yield BadFile(name, "is a link to a folder; put the folder itself there")
        else:
            yield from walk(root, name)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key with numbers by value."""
    return [
        (0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    ]


def with_image_suffix(root: Path, stem: str) -> str | None:
    """Return the name of the image root/stem with whatever suffix it has, None if there is none."""
    return with_suffix(root, stem, IMAGE_SUFFIXES)


def with_suffix(root: Path, stem: str, suffixes: Sequence[str]) -> str | None:
    """Return the name of the file root/stem with one of some suffixes, small or capital, None if there is none."""
    spellings = (spelled(root, f"{stem}{suffix}") for suffix in suffixes)
    return next((spelling for spelling in spellings if spelling is not None), None)
