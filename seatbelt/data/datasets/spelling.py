"""File names in the spelling of the file system, which may differ from that of other tools and machines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path


def spelled(root: Path, name: str) -> str | None:
    """Return a name with the file system's spelling of accents and extension, None if there is no such file.

    macOS decomposes accents (NFD), other systems do not (NFC), and cameras write `.JPG`.
    """
    return next((form for form in _forms(name) if (root / form).exists()), None)


def _forms(name: str) -> Iterator[str]:
    stem, dot, ending = name.rpartition(".")
    endings = dict.fromkeys((ending, ending.lower(), ending.upper(), ending.title()))
    names = [f"{stem}{dot}{other}" for other in endings] if dot and "/" not in ending else [name]
    for form in names:
        yield from dict.fromkeys((form, unicodedata.normalize("NFC", form), unicodedata.normalize("NFD", form)))
