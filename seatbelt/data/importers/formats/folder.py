"""Plain folders: `images/` and `masks/` with the same names, also once for each split.

Masks hold class numbers (named by the user; 255 is ignored) or, with a colour map, colours. In masks of only 0 and 255
with one class, a common form of two values, 255 is the class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.datasets.images import UnusableImageError
from seatbelt.data.importers.classes import BACKGROUND, Classes
from seatbelt.data.importers.formats.labelmap import read_label_map
from seatbelt.data.importers.frames import BadFileError, Frame, Painted, Places, Reader, Survey, contained
from seatbelt.data.importers.layouts import MergedSource, Part, leading_split, split_folders
from seatbelt.data.importers.pixels import (
    open_any_indices,
    paint_background,
    paint_colours,
    paint_indices,
)
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, walk, with_image_suffix, with_suffix
from seatbelt.errors import UserError

OTHER_FILES = "left out, files that are no images"
UNMASKED = "without a mask: all background"

_MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg")
"""Some of them cannot be read and are reported."""


def open_folder(root: Path, places: Places) -> Reader:
    """Return a reader of images/ and masks/, or of all split folders that contain them."""
    if places.images or places.masks or (root / "images").is_dir():
        return FolderSource(root, places)
    splits = [folder for folder in split_folders(root) if (folder / "images").is_dir()]
    if splits:
        parts = [Part(reader=FolderSource(folder, places), prefix=folder.name, split=folder.name) for folder in splits]
        return MergedSource(parts)
    pairs = [(folder, masks) for folder in split_folders(root) if (masks := _masks_beside(folder)) is not None]
    if pairs:
        return MergedSource(
            [
                Part(
                    reader=FolderSource(root, dataclasses.replace(places, images=images, masks=masks)),
                    prefix=images.name,
                    split=images.name,
                )
                for images, masks in pairs
            ]
        )
    return FolderSource(root, places)


class FolderSource:
    """A reader with the names of one folder in memory at a time."""

    def __init__(self, root: Path, places: Places) -> None:
        self._images = places.images or root / "images"
        self._masks = places.masks or root / "masks"
        self._suffix, self._image_suffix = places.mask_suffix, places.image_suffix
        for folder, option in ((self._images, "--images"), (self._masks, "--masks")):
            if not folder.is_dir():
                raise UserError(f"{folder}: there is no such folder; name it with {option}{_hint(root)}")
        if self._images.resolve() == self._masks.resolve() and not self._suffix:
            raise UserError(f"{self._images} holds images and masks: distinguish them by --mask-suffix, such as _mask")
        self._colours = read_label_map(places.colours) if places.colours else None
        if self._colours is None and not places.classes:
            raise UserError("masks hold numbers only: name them with --classes, or give a colour map with --colours")
        self._labels = {number: name for name, number in (places.classes or {}).items()}
        if 0 in self._labels and BACKGROUND in self._labels.values():
            # The number of a background that the user did not name says nothing about the masks.
            self._labels = {n: name for n, name in self._labels.items() if name != BACKGROUND or n == 0}
        self._ignored = places.ignored_numbers
        self._check_ignored(places)
        self._unmasked_is_background = places.unmasked_is_background

    def survey(self) -> Survey:
        """Return the labels of the colour map or of the user, and recognise masks of two values."""
        labels = self._colours.values() if self._colours is not None else self._labels.values()
        images = sum(isinstance(name, str) and self._is_image(name) for name in walk(self._images))
        remarks = []
        classes = [name for name in self._labels.values() if name != BACKGROUND]
        if self._colours is None and len(classes) == 1 and IGNORE not in self._labels and self._has_two_values():
            self._labels[IGNORE] = classes[0]
            remarks.append(f"the masks hold 0 and 255 only: 255 is read as {classes[0]}")
        return Survey(labels=frozenset(labels), images=images, remarks=tuple(remarks))

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield all images with their masks, then masks without an image."""
        for name in walk(self._images):
            try:
                if isinstance(name, BadFileError):
                    yield name
                elif self._is_image(name):
                    frame, has_mask = self._frame(name, classes)
                    yield frame
                    if not has_mask:
                        yield UNMASKED
                elif not self._is_mask(name):
                    yield OTHER_FILES
            except BadFileError as bad:
                yield bad
        for name in walk(self._masks):
            if isinstance(name, str) and self._is_mask(name):
                stem = name[: -len(self._suffix + ".png")] + self._image_suffix
                if with_image_suffix(self._images, stem) is None:
                    yield BadFileError(f"{self._masks.name}/{name}", f"has no image {self._images.name}/{stem}")

    def _check_ignored(self, places: Places) -> None:
        both = sorted(self._ignored & set((places.classes or {}).values()) & set(self._labels))
        if both:
            raise UserError(f"--ignore {both[0]} is the class {self._labels[both[0]]} of --classes; use one of them")

    def _has_two_values(self) -> bool:
        """Return whether all masks contain only 0 and 255; stop reading at the first other value."""
        values: set[int] = set()
        for name in walk(self._masks):
            if isinstance(name, BadFileError) or not self._is_mask(name):
                continue
            try:
                path = contained(self._masks, name, name)
                values |= set(np.unique(open_any_indices(path)).tolist()) - self._ignored
            except (BadFileError, UnusableImageError):
                # frames() reports it.
                continue
            if not values <= {0, IGNORE}:
                return False
        return IGNORE in values

    def _is_mask(self, name: str) -> bool:
        return name.lower().endswith(f"{self._suffix}.png".lower())

    def _is_image(self, name: str) -> bool:
        if self._suffix and self._images == self._masks and self._is_mask(name):
            return False
        path = PurePosixPath(name)
        return path.suffix.lower() in IMAGE_SUFFIXES and path.stem.endswith(self._image_suffix)

    def _frame(self, name: str, classes: Classes) -> tuple[Frame, bool]:
        where = f"{self._images.name}/{name}"
        image = contained(self._images, name, where)
        stem = str(PurePosixPath(name).with_suffix("")).removesuffix(self._image_suffix) + self._suffix
        paint: Callable[[tuple[int, int]], Painted] = partial(paint_background, classes)
        contained(self._masks, f"{stem}.png", f"{self._masks.name}/{stem}.png")
        mask_name = with_suffix(self._masks, stem, _MASK_SUFFIXES)
        if mask_name is not None:
            mask_where = f"{self._masks.name}/{mask_name}"
            mask = contained(self._masks, mask_name, mask_where)
            paint = partial(self._paint, mask, mask_where, classes)
        elif not self._unmasked_is_background:
            raise BadFileError(
                where,
                f"its mask {self._masks.name}/{stem}.png is missing (--unmasked-is-background imports such images "
                "without any class)",
            )
        return Frame(name=name, image=image, paint=paint, split=leading_split(name)), mask_name is not None

    def _paint(self, path: Path, where: str, classes: Classes, size: tuple[int, int]) -> Painted:
        del size
        if self._colours is None:
            return paint_indices(path, where, self._labels, classes, ignored=self._ignored, read=open_any_indices)
        return paint_colours(path, where, self._colours, classes)


def _masks_beside(images: Path) -> Path | None:
    """Return the folder of masks beside a folder of images: trainannot, train_masks, train_labels, ..."""
    for ending in ("annot", "_annot", "_mask", "_masks", "_label", "_labels", "_gt", "-masks", "masks", "labels"):
        folder = images.with_name(images.name + ending)
        if folder.is_dir():
            return folder
    return None


def _hint(root: Path) -> str:
    """Return a hint to the format of a folder, as the end of a sentence."""
    if (root / "leftImg8bit").is_dir() or (root / "gtFine").is_dir():
        return "; it looks like Cityscapes: import it as cityscapes"
    if (root / "meta.json").is_file():
        return "; it looks like Supervisely: import it as supervisely"
    if (root / "JPEGImages").is_dir() and (root / "SegmentationClass").is_dir():
        return "; it looks like VOC: import it as voc"
    if any(root.glob("*.json")) or any(root.glob("*/_annotations.coco.json")) or any(root.glob("annotations/*.json")):
        return "; it looks like COCO: import it as coco"
    return ""
