"""Segmentation masks of CVAT ("Segmentation mask 1.1") and PASCAL VOC.

`labelmap.txt`, `JPEGImages/`, `SegmentationClass/` and, optionally, `ImageSets/Segmentation/*.txt` with the image
names of each split (docs.cvat.ai, "Segmentation Mask"; VOC 2012 development kit, section 3). Masks in colour or
with a palette are read by colour, grey masks as line numbers of the label map from 0 on (unless its colours are all
grey). 255 and VOC's border colour are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from seatbelt.data.datasets.manifest import lies_in
from seatbelt.data.datasets.spelling import spelled
from seatbelt.data.importers.classes import IGNORED_LABELS, Classes
from seatbelt.data.importers.formats.labelmap import read_label_map, voc_colour
from seatbelt.data.importers.frames import BadFileError, Frame, Lost, Painted, Places, Survey, contained
from seatbelt.data.importers.pixels import Colour, is_grey, paint_background, paint_colours, paint_indices
from seatbelt.data.importers.split_names import NO_SPLIT, examples, split_of
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, natural, walk, with_image_suffix
from seatbelt.errors import UserError

UNLISTED = Lost("left out, masks in no list of ImageSets/Segmentation")
NEITHER = "left out, images without a mask that no list of ImageSets/Segmentation names"
NO_MASK = "listed without a mask: all background, as CVAT writes images without annotations"


class VocSource:
    """A reader with at most the names of the images in memory."""

    def __init__(self, root: Path, places: Places) -> None:
        if places.mask_suffix:
            raise UserError("VOC masks have the names of their images: omit --mask-suffix")
        self._images = places.images or root / "JPEGImages"
        self._masks = places.masks or root / "SegmentationClass"
        for folder, option in ((self._images, "--images"), (self._masks, "--masks")):
            if not folder.is_dir():
                raise UserError(f"{folder}: there is no such folder; name it with {option}")
        label_map = places.colours or root / "labelmap.txt"
        if not label_map.is_file():
            raise UserError(f"{label_map} is missing; export it with the masks, or name a label map with --colours")
        if not places.colours and not lies_in(root, label_map.name):
            raise UserError(f"{label_map} leads out of its folder; put the file itself there")
        self._colours = read_label_map(label_map)
        self._labels = dict(enumerate(self._colours.values()))
        self._ignored = places.ignored_numbers
        self._listed, self._remarks = _listed(root)

    def survey(self) -> Survey:
        """Return the labels of the label map."""
        images = len(self._listed) or sum(isinstance(name, str) for name in walk(self._masks))
        return Survey(labels=frozenset(self._labels.values()), images=images, remarks=tuple(self._remarks))

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the listed images, or without lists the images with a mask."""
        border: dict[Colour, str] = {} if voc_colour(255) in self._colours else {voc_colour(255): IGNORED_LABELS[0]}
        for stem in self._listed or self._stems():
            if isinstance(stem, BadFileError):
                yield stem
                continue
            try:
                frame, has_mask = self._frame(stem, self._colours | border, classes)
                yield frame
                if not has_mask:
                    yield NO_MASK
            except BadFileError as bad:
                yield bad
        if not self._listed:
            yield from (NEITHER for _ in self._neither())
        if self._listed:
            yield from (UNLISTED for stem in self._stems() if isinstance(stem, str) and stem not in self._listed)

    def _neither(self) -> Iterator[str]:
        """Yield the images without a mask if there are no lists."""
        for name in walk(self._images):
            if isinstance(name, str) and name.lower().endswith(IMAGE_SUFFIXES):
                stem = str(PurePosixPath(name).with_suffix(""))
                if spelled(self._masks, f"{stem}.png") is None:
                    yield name

    def _stems(self) -> Iterator[str | BadFileError]:
        for name in walk(self._masks):
            if isinstance(name, BadFileError):
                yield name
            elif name.lower().endswith(".png"):
                yield name[: -len(".png")]

    def _frame(self, stem: str, colours: dict[Colour, str], classes: Classes) -> tuple[Frame, bool]:
        where = f"{self._masks.name}/{stem}.png"
        mask = contained(self._masks, spelled(self._masks, f"{stem}.png") or f"{stem}.png", where)
        contained(self._images, stem, where)
        name = with_image_suffix(self._images, stem)
        if name is None:
            raise BadFileError(f"{self._images.name}/{stem}", "the image is missing")
        image = contained(self._images, name, where)
        has_mask = mask.exists() or not self._listed
        paint: Callable[[tuple[int, int]], Painted] = partial(paint_background, classes)
        if has_mask:
            paint = partial(self._paint, mask, where, colours, classes)
        split = self._listed.get(stem, "")
        return Frame(name=str(PurePosixPath(name)), image=image, paint=paint, split=split), has_mask

    def _paint(
        self, path: Path, where: str, colours: dict[Colour, str], classes: Classes, size: tuple[int, int]
    ) -> Painted:
        del size
        labels = self._labels.values()
        grey_labels = all(red == green == blue for (red, green, blue), name in colours.items() if name in labels)
        if is_grey(path) and not grey_labels:
            return paint_indices(path, where, self._labels, classes, ignored=self._ignored)
        return paint_colours(path, where, colours, classes)


def _listed(root: Path) -> tuple[dict[str, str], list[str]]:
    """Return the image names of all lists with the word for their split (empty for none), and remarks."""
    words: dict[str, str] = {}
    remarks: list[str] = []
    lists = (path for path in root.glob("ImageSets/Segmentation/*") if path.suffix.lower() == ".txt")
    for path in sorted(lists):
        word = path.stem if split_of(path.stem) else ""
        if not word and path.stem.casefold() not in NO_SPLIT:
            remarks.append(
                f"the list {path.name} is none of {examples()}: its images have no split and train unless "
                "another list names them; set their splits with --subjects or --split"
            )
        try:
            if not lies_in(root, str(path.relative_to(root))):
                raise OSError
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeError):
            raise UserError(f"{path} cannot be read as a list of image names") from None
        for stem in (line.strip().strip('"') for line in lines):
            other = words.get(stem, "")
            if stem and word and other and split_of(word) != split_of(other):
                raise UserError(f"{path}: {stem!r} is listed for training and for test")
            if stem:
                words[stem] = word or other
    return {stem: words[stem] for stem in sorted(words, key=natural)}, remarks
