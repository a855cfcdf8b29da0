"""Cityscapes: `leftImg8bit/SPLIT/CITY/` beside `gtFine/SPLIT/CITY/` with `*_gtFine_labelIds.png`.

Labels and numbers are those of cityscapesScripts (`helpers/labels.py`). As in its evaluation, pixels of the ego
vehicle, of the rectification border and outside the region of interest are ignored. Images of one city count as one
subject, because they come from a few drives through the same streets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.formats.folder import FolderSource
from seatbelt.data.importers.frames import BadFileError, Frame, Places, Reader, Survey
from seatbelt.data.importers.layouts import MergedSource, Part, split_folders
from seatbelt.errors import UserError

_IGNORED = ("1", "2", "3")
_NAMES = (
    *("static", "dynamic", "ground", "road", "sidewalk", "parking", "rail track", "building", "wall", "fence"),
    *("guard rail", "bridge", "tunnel", "pole", "polegroup", "traffic light", "traffic sign", "vegetation", "terrain"),
    *("sky", "person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle"),
)
_CLASSES = {"background": 0, **{name: number for number, name in enumerate(_NAMES, start=4)}}
"""Label -> id; `unlabeled` is our background."""

_IMAGES = ("leftImg8bit", "leftImg8bit_trainvaltest")
_MASKS = ("gtFine", "gtCoarse")


def open_cityscapes(root: Path, places: Places) -> Reader:
    """Return a reader of all splits with images and masks.

    Raises:
        UserError: The folders are missing.
    """
    images = places.images or _below(root, _IMAGES, "--images")
    masks = places.masks or _below(root, _MASKS, "--masks")
    if places.colours:
        raise UserError("Cityscapes has numbers in its masks: omit --colours")
    _check_names(places)
    places = dataclasses.replace(
        places,
        classes=_CLASSES,
        ignore=(*_IGNORED, *places.ignore),
        image_suffix=places.image_suffix or "_leftImg8bit",
        mask_suffix=places.mask_suffix or f"_{masks.name}_labelIds",
    )
    folders = [folder for folder in split_folders(images) if (masks / folder.name).is_dir()]
    if not folders:
        raise UserError(f"{images} and {masks} have no folder train, val or test in common; is it Cityscapes?")
    return MergedSource(
        [
            Part(
                reader=_CitySource(root, dataclasses.replace(places, images=folder, masks=masks / folder.name)),
                prefix=folder.name,
                split=folder.name,
            )
            for folder in folders
        ]
    )


class _CitySource:
    """A reader of one split with the numbers of Cityscapes, and cities as subjects."""

    def __init__(self, root: Path, places: Places) -> None:
        self._folder = FolderSource(root, places)

    def survey(self) -> Survey:
        """Return the labels of Cityscapes with their numbers."""
        return dataclasses.replace(self._folder.survey(), classes=dict(_CLASSES))

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the images."""
        for item in self._folder.frames(classes):
            yield dataclasses.replace(item, subject=item.name.partition("/")[0]) if isinstance(item, Frame) else item


def _check_names(places: Places) -> None:
    unknown = sorted(set(places.classes or {}) - set(_CLASSES))
    if unknown:
        raise UserError(f"Cityscapes has no class {', '.join(unknown)}; it has {', '.join(_CLASSES)}")


def _below(root: Path, names: tuple[str, ...], option: str) -> Path:
    for name in names:
        # The archives of Cityscapes contain a folder of their own name.
        for folder in (root / name, root / f"{name}_trainvaltest" / name):
            if folder.is_dir():
                return folder
    raise UserError(f"{root} holds no folder {' or '.join(names)}; name it with {option}")
