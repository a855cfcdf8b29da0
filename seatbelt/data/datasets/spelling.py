"""Names of files as the file system spells them: other tools and machines write them a little differently."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path


def spelled(root: Path, name: str) -> str | None:
    """Return a name as the file system spells its accents and its ending, None if there is no such file.

    macOS takes accents apart (NFD) where others write them as one (NFC), and cameras write `.JPG`.
    """
    return next((form for form in _forms(name) if (root / form).exists()), None)


def _forms(name: str) -> Iterator[str]:
    stem, dot, ending = name.rpartition(".")
    endings = dict.fromkeys((ending, ending.lower(), ending.upper(), ending.title()))
    names = [f"{stem}{dot}{other}" for other in endings] if dot and "/" not in ending else [name]
    for form in names:
        yield from dict.fromkeys((form, unicodedata.normalize("NFC", form), unicodedata.normalize("NFD", form)))
