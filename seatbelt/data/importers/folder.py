"""Plain folders: `images/` and `masks/` with the same names.

Masks hold class numbers (the user names them; 255 is ignored) or, with a colour map, colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFile, Frame, Painted, Places, Survey, contained
from seatbelt.data.importers.labelmap import read_label_map
from seatbelt.data.importers.pixels import Colour, paint_colours, paint_indices
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, walk, with_image_suffix
from seatbelt.errors import UserError

OTHER_FILES = "left out, files that are no images"


class FolderSource:
    """A reader that holds the names of one folder at a time."""

    def __init__(self, root: Path, places: Places) -> None:
        self._images = places.images or root / "images"
        self._masks = places.masks or root / "masks"
        self._suffix = places.mask_suffix
        for folder, option in ((self._images, "--images"), (self._masks, "--masks")):
            if not folder.is_dir():
                raise UserError(f"{folder}: there is no such folder; name it with {option}")
        if self._images.resolve() == self._masks.resolve() and not self._suffix:
            raise UserError(f"{self._images} holds images and masks: tell them apart with --mask-suffix, such as _mask")
        self._colours = read_label_map(places.colours) if places.colours else None
        if self._colours is None and not places.classes:
            raise UserError("masks hold numbers only: name them with --classes, or give a colour map with --colours")
        self._labels = {number: name for name, number in (places.classes or {}).items()}

    def survey(self) -> Survey:
        """Return the labels of the colour map or of the user."""
        labels = self._colours.values() if self._colours is not None else self._labels.values()
        images = sum(isinstance(name, str) and self._is_image(name) for name in walk(self._images))
        return Survey(labels=frozenset(labels), images=images)

    def frames(self, classes: Classes) -> Iterator[Frame | BadFile | str]:
        """Yield all images with their masks, then the masks without an image."""
        for name in walk(self._images):
            try:
                if isinstance(name, BadFile):
                    yield name
                elif self._is_image(name):
                    yield self._frame(name, classes)
                elif not self._is_mask(name):
                    yield OTHER_FILES
            except BadFile as bad:
                yield bad
        for name in walk(self._masks):
            if isinstance(name, str) and self._is_mask(name):
                stem = name[: -len(self._suffix + ".png")]
                if with_image_suffix(self._images, stem) is None:
                    yield BadFile(f"{self._masks.name}/{name}", f"has no image {self._images.name}/{stem}")

    def _is_mask(self, name: str) -> bool:
        return name.lower().endswith(f"{self._suffix}.png".lower())

    def _is_image(self, name: str) -> bool:
        if self._suffix and self._images == self._masks and self._is_mask(name):
            return False
        return name.lower().endswith(IMAGE_SUFFIXES)

    def _frame(self, name: str, classes: Classes) -> Frame:
        where = f"{self._images.name}/{name}"
        image = contained(self._images, name, where)
        mask_name = f"{PurePosixPath(name).with_suffix('')}{self._suffix}.png"
        mask_where = f"{self._masks.name}/{mask_name}"
        mask = contained(self._masks, mask_name, mask_where)
        if not mask.exists():
            raise BadFile(where, f"its mask {mask_where} is missing")
        paint = partial(_paint, mask, mask_where, self._colours, self._labels, classes)
        return Frame(name=name, image=image, paint=paint)


def _paint(
    path: Path,
    where: str,
    colours: dict[Colour, str] | None,
    labels: dict[int, str],
    classes: Classes,
    size: tuple[int, int],
) -> Painted:
    del size
    if colours is None:
        return paint_indices(path, where, labels, classes)
    return paint_colours(path, where, colours, classes)
