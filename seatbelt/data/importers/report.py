"""The report of an import: counts, warnings and skipped files."""

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
from seatbelt.data.importers.frames import LOSSES, BadFileError, Kind, Lost, Notes

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
_MAX_LISTED_NAMES = 50
_MAX_LISTED_CLASSES = 15


@dataclass(kw_only=True)
class ImportReport:
    """The result and the findings of an import. Its size grows with the faults of a source, not with its images."""

    out: Path
    classes: Classes
    images: int = 0
    skipped: list[BadFileError] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    """Items left out on purpose -> their number."""
    warnings: list[str] = field(default_factory=list)
    pixels: Notes = field(default_factory=Notes)
    in_images: Notes = field(default_factory=Notes)
    images_of: Counter[str] = field(default_factory=Counter)
    """Class -> number of images that show it."""
    changes: Counter[str] = field(default_factory=Counter)
    """Conversion of images to what a viewer shows -> number of images."""
    census: Census = field(init=False)

    def __post_init__(self) -> None:
        target = self.classes.target
        self.census = Census(target=target, index=self.classes.numbers[target])

    def add(self, row: Row, picture: Picture, mask: NDArray[np.uint8], notes: Notes) -> None:
        """Add an image with its mask (H, W) to the counts."""
        self.images += 1
        self.changes.update(picture.changes)
        self.census.add(row, picture.pixels, mask)
        present = np.bincount(mask.ravel(), minlength=256) > 0
        self.images_of.update(name for name, number in self.classes.numbers.items() if present[number])
        for (kind, label), count in notes.items():
            # Broken masks can contain any number of colours.
            listed = (kind, label) in self.pixels or len(self.pixels) < 10 * _MAX_LISTED_NAMES
            key = (kind, label if listed else "others")
            self.pixels[key] += count
            self.in_images[key] += 1

    def summary(self) -> str:
        """Return a one-line summary of the result."""
        names = [name for name in self.classes.numbers if name != BACKGROUND]
        if len(names) > _MAX_LISTED_CLASSES:
            names = [name for name in names if self.images_of[name]]
        counted = ", ".join(f"{name} in {self.images_of[name]}" for name in names)
        return f"{_count(self.images, 'image')} ({counted}); target {self.classes.target}"

    def target_line(self) -> str:
        """Return the number of images of each split with the target."""
        return self.census.target_line

    def cautions(self) -> list[str]:
        """Return a line for each finding that makes scores on this data doubtful; `data check` reports them too."""
        never = [f"{fault.where}: {fault.what}" for fault in self.census.faults]
        refused = "; a sweep on these images would be refused"
        return [f"{line}{refused}" for line in never[:_MAX_LISTED_NAMES]] + self.census.warnings

    @property
    def ignores_255(self) -> bool:
        """True if pixels of 255 were ignored; in many masks of two values 255 is the class."""
        return self.pixels["ignored", "255"] > 0

    def losses(self) -> list[str]:
        """Return a line for each annotation, or kind of annotation, that is missing from the result."""
        lost = [f"{text}: {count}" for text, count in sorted(self.remarks.items()) if isinstance(text, Lost)]
        return lost + self._noted(LOSSES)

    def notices(self) -> list[str]:
        """Return a line for each finding that the user should check."""
        lines = [f"{text}: {count}" for text, count in sorted(self.remarks.items())]
        lines += self._noted(tuple(_TEXTS))
        lines += [f"{_count(count, 'image')}: {text}" for text, count in sorted(self.changes.items())]
        absent = [name for name in self.classes.numbers if name != BACKGROUND and not self.images_of[name]]
        if absent:
            more = f" and {len(absent) - _MAX_LISTED_CLASSES} more" if len(absent) > _MAX_LISTED_CLASSES else ""
            listed = ", ".join(absent[:_MAX_LISTED_CLASSES]) + more
            lines.append(f"no image shows {listed}; check that the class names match those of the source")
        return lines + self.warnings

    def _noted(self, kinds: tuple[Kind, ...]) -> list[str]:
        notes = [item for item in self.pixels.items() if item[0][0] in kinds]
        notes.sort(key=lambda item: (list(_TEXTS).index(item[0][0]), -item[1], item[0][1]))
        lines = []
        for (kind, name), count in notes[:_MAX_LISTED_NAMES]:
            images = _count(self.in_images[kind, name], "image")
            lines.append(_TEXTS[kind].format(name=name, count=_count(count, "pixel"), images=images))
        if len(notes) > _MAX_LISTED_NAMES:
            lines.append(f"... and {len(notes) - _MAX_LISTED_NAMES} more of this kind")
        return lines

    def skipped_lines(self) -> list[str]:
        """Return a line for every skipped file."""
        return [str(bad) for bad in self.skipped]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
