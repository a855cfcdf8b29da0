"""A census of a data set: images with the target in each split, persons, duplicate images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.checks.identical_images import content_key
from seatbelt.data.datasets.dataset import check, read_target
from seatbelt.data.datasets.images import Picture
from seatbelt.data.datasets.labels import FEW
from seatbelt.data.datasets.manifest import Fault, Row
from seatbelt.data.partition.subjects import describe_missing_subjects

_Group = tuple[str, str]
"""Domain and split; an image without a split trains."""


@dataclass
class Census:
    """Counts over the images of one data set; needs a few bytes per image."""

    target: str
    """Name of the target class."""
    index: int
    """Index of the target class in masks."""
    images: Counter[_Group] = field(default_factory=Counter)
    with_target: Counter[_Group] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    """Difference between an image and its stored file -> number of images."""
    crossing: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of images with the same pixels in different splits, each as `name (split)`."""
    without_subject: int = 0
    """Number of real images without a subject."""
    _subjects: dict[str, set[str]] = field(default_factory=lambda: {"train": set(), "test": set()})
    _names: dict[str, dict[int, str]] = field(default_factory=lambda: {"train": {}, "test": {}})
    """Split -> hash of an image -> name of the first image with it."""

    def add(self, row: Row, pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Count an image.

        Args:
            row: Its line of the manifest.
            pixels: (H, W, 3).
            mask: (H, W), class indices.
        """
        split = row.split or "train"
        self.images[row.domain, split] += 1
        self.with_target[row.domain, split] += bool((mask == self.index).any())
        if row.domain == "real" and row.subject:
            self._subjects[split].add(row.subject)
        self.without_subject += row.domain == "real" and not row.subject
        key = content_key(pixels)
        if key is not None:
            self._names[split].setdefault(key, row.image)
            other = "test" if split == "train" else "train"
            if key in self._names[other]:
                self.crossing.append((f"{self._names[other][key]} ({other})", f"{row.image} ({split})"))

    @property
    def target_line(self) -> str:
        """Return the number of images of each domain and split with the target."""
        parts = (f"{self.with_target[group]} of {_words(group, count)}" for group, count in self._groups())
        return f"{self.target} appears in {', '.join(parts)}"

    @property
    def faults(self) -> list[Fault]:
        """Return why a sweep on this data set alone would be refused."""
        never = [
            Fault(where=self.target, what=f"none of the {_words(group, count)} shows the target")
            for group, count in self._groups()
            if not self.with_target[group]
        ]
        return never + [Fault(where=one, what=f"is the same picture as {other}") for one, other in self.crossing]

    @property
    def warnings(self) -> list[str]:
        """Return warnings about few images with the target and images without a subject."""
        few = [
            f"{self.target} appears in only {self.with_target[group]} of {_words(group, count)}: "
            "single images determine the score"
            for group, count in self._groups()
            if 0 < self.with_target[group] < FEW
        ]
        real = sum(count for (domain, _), count in self.images.items() if domain == "real")
        subjects = describe_missing_subjects(self.without_subject, real)
        return few + ([subjects] if subjects else [])

    @property
    def subject_line(self) -> str:
        """Return the number of persons in each split of the real images."""
        return f"subjects of real images: {len(self._subjects['train'])} train, {len(self._subjects['test'])} test"

    def _groups(self) -> list[tuple[_Group, int]]:
        return sorted(self.images.items(), key=lambda item: (item[0][0], item[0][1] == "test"))


def _words(group: _Group, count: int) -> str:
    domain, split = group
    return f"{count} {domain} {split} image{'' if count == 1 else 's'}"


def take_census(root: Path, progress: Callable[[int, int], None] | None = None) -> tuple[Census, list[Fault]]:
    """Open every file of a data set; return its census and its faults.

    Raises:
        UserError: The description cannot be read, so that nothing can be checked.
    """
    target, index = read_target(root)
    census = Census(target=target, index=index)

    def count(row: Row, picture: Picture, mask: NDArray[np.uint8]) -> None:
        census.changes.update(picture.changes)
        census.add(row, picture.pixels, mask)

    faults = check(root, progress, count)
    # Faulty files may contain the target, so the census alone proves nothing.
    return census, faults or census.faults
