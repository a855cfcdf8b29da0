"""What an import tells in the end: counts, warnings, every skipped file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.checks.census import Census
from seatbelt.data.datasets.images import Picture
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.importers.classes import BACKGROUND, Classes
from seatbelt.data.importers.frames import LOSSES, BadFile, Kind, Lost, Notes

_TEXTS: dict[Kind, str] = {
    "unknown colour": "unknown colour {name}: {count} in {images} became background",
    "unknown index": "unknown index {name}: {count} in {images} became background",
    "unknown label": "unknown label {name}: {count} in {images} became background",
    "other label": "label {name} is none of the classes: {count} in {images} became background",
    "ignored": "{name}: {count} in {images} became 255 (ignored)",
    "overlap": "overlaps: {count} in {images} had another label before {name}; the later annotation won",
    "no outline": "left out, annotations of {name} without a segmentation: in {images}",
    "no pixels": "left out, annotations of {name} that cover no pixel: in {images}",
    "other shape": "left out, {name}: in {images}",
}
_SHOWN_NAMES = 50
_SHOWN_CLASSES = 15


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
    changes: Counter[str] = field(default_factory=Counter)
    """How images were changed so that they are as a person sees them -> how many."""
    census: Census = field(init=False)

    def __post_init__(self) -> None:
        target = self.classes.target
        self.census = Census(target=target, index=self.classes.numbers[target])

    def add(self, row: Row, picture: Picture, mask: NDArray[np.uint8], notes: Notes) -> None:
        """Count an image with its mask (H, W) in."""
        self.images += 1
        self.changes.update(picture.changes)
        self.census.add(row, picture.pixels, mask)
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
        names = [name for name in self.classes.numbers if name != BACKGROUND]
        if len(names) > _SHOWN_CLASSES:
            names = [name for name in names if self.images_of[name]]
        counted = ", ".join(f"{name} in {self.images_of[name]}" for name in names)
        return f"{_count(self.images, 'image')} ({counted}); target {self.classes.target}"

    def target_line(self) -> str:
        """Return in how many images of each split the target appears."""
        return self.census.target_line

    def cautions(self) -> list[str]:
        """Return a line for each thing that makes scores on this data doubtful; `data check` has them too."""
        never = [f"{fault.where}: {fault.what}" for fault in self.census.faults]
        refused = "; a sweep on these images would be refused"
        return [f"{line}{refused}" for line in never[:_SHOWN_NAMES]] + self.census.warnings

    @property
    def ignores_255(self) -> bool:
        """Whether pixels of 255 were ignored, which is the class in many masks of two values."""
        return self.pixels["ignored", "255"] > 0

    def losses(self) -> list[str]:
        """Return a line for each annotation, or kind of annotations, that has no place in the result."""
        lost = [f"{text}: {count}" for text, count in sorted(self.remarks.items()) if isinstance(text, Lost)]
        return lost + self._noted(LOSSES)

    def notices(self) -> list[str]:
        """Return a line for each thing that a user should look at."""
        lines = [f"{text}: {count}" for text, count in sorted(self.remarks.items())]
        lines += self._noted(tuple(_TEXTS))
        lines += [f"{_count(count, 'image')}: {text}" for text, count in sorted(self.changes.items())]
        absent = [name for name in self.classes.numbers if name != BACKGROUND and not self.images_of[name]]
        if absent:
            more = f" and {len(absent) - _SHOWN_CLASSES} more" if len(absent) > _SHOWN_CLASSES else ""
            listed = ", ".join(absent[:_SHOWN_CLASSES]) + more
            lines.append(f"no image shows {listed}; are the names of the classes those of the source?")
        return lines + self.warnings

    def _noted(self, kinds: tuple[Kind, ...]) -> list[str]:
        noted = [item for item in self.pixels.items() if item[0][0] in kinds]
        noted.sort(key=lambda item: (list(_TEXTS).index(item[0][0]), -item[1], item[0][1]))
        lines = []
        for (kind, name), count in noted[:_SHOWN_NAMES]:
            images = _count(self.in_images[kind, name], "image")
            lines.append(_TEXTS[kind].format(name=name, count=_count(count, "pixel"), images=images))
        if len(noted) > _SHOWN_NAMES:
            lines.append(f"... and {len(noted) - _SHOWN_NAMES} more of this kind")
        return lines

    def skipped_lines(self) -> list[str]:
        """Return a line for every skipped file."""
        return [str(bad) for bad in self.skipped]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
