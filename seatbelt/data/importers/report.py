"""What an import tells in the end: counts, warnings, every skipped file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.importers.classes import BACKGROUND, Classes
from seatbelt.data.importers.frames import BadFile, Kind, Notes

_TEXTS: dict[Kind, str] = {
    "unknown colour": "unknown colour {name}: {count} in {images} became background",
    "unknown index": "unknown index {name}: {count} in {images} became background",
    "unknown label": "unknown label {name}: {count} in {images} became background",
    "other label": "label {name} is none of the classes: {count} in {images} became background",
    "ignored": "{name}: {count} in {images} became 255 (ignored)",
    "overlap": "overlaps: {count} in {images} had another label before {name}; the later annotation won",
    "no outline": "left out, annotations of {name} without a segmentation: in {images}",
}
_SHOWN_NAMES = 50


@dataclass(kw_only=True)
class ImportReport:
    """What was imported and what was noticed; it grows with the faults of a source, not with its images."""

    out: Path
    classes: Classes
    images: int = 0
    skipped: list[BadFile] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    """Things left out on purpose -> how many."""
    warnings: list[str] = field(default_factory=list)
    pixels: Notes = field(default_factory=Notes)
    in_images: Notes = field(default_factory=Notes)
    images_of: Counter[str] = field(default_factory=Counter)
    """Class -> images that show it."""

    def add(self, mask: NDArray[np.uint8], notes: Notes) -> None:
        """Count an image with its mask (H, W) in."""
        self.images += 1
        present = np.bincount(mask.ravel(), minlength=256) > 0
        self.images_of.update(name for name, number in self.classes.numbers.items() if present[number])
        for (kind, label), count in notes.items():
            # Broken masks can hold any number of colours.
            known = (kind, label) in self.pixels or len(self.pixels) < 10 * _SHOWN_NAMES
            key = (kind, label if known else "others")
            self.pixels[key] += count
            self.in_images[key] += 1

    def summary(self) -> str:
        """Return one line on what there is now."""
        found = ", ".join(f"{name} in {self.images_of[name]}" for name in self.classes.numbers if name != BACKGROUND)
        return f"{_count(self.images, 'image')} ({found}); target {self.classes.target}"

    def notices(self) -> list[str]:
        """Return a line for each thing that a user should look at."""
        lines = [f"{text}: {count}" for text, count in sorted(self.remarks.items())]
        noted = sorted(self.pixels.items(), key=lambda item: (list(_TEXTS).index(item[0][0]), -item[1], item[0][1]))
        for (kind, name), count in noted[:_SHOWN_NAMES]:
            images = _count(self.in_images[kind, name], "image")
            lines.append(_TEXTS[kind].format(name=name, count=_count(count, "pixel"), images=images))
        if len(noted) > _SHOWN_NAMES:
            lines.append(f"... and {len(noted) - _SHOWN_NAMES} more of this kind")
        absent = [name for name in self.classes.numbers if name != BACKGROUND and not self.images_of[name]]
        if absent:
            lines.append(f"no image shows {', '.join(absent)}; are the names of the classes those of the source?")
        return lines + self.warnings

    def skipped_lines(self) -> list[str]:
        """Return a line for every skipped file."""
        return [str(bad) for bad in self.skipped]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
