"""COCO: one JSON file with images, categories and annotations (cocodataset.org, "Data format").

The JSON file is held in memory, the images are not. If annotations overlap, the later one wins. Files written by
`seatbelt data export coco` keep their class numbers, subjects and splits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.datasets.spelling import spelled
from seatbelt.data.importers.classes import Classes, label_is_usable
from seatbelt.data.importers.formats.coco_files import AnnotationFile, files_by_name, find_annotations, find_by_name
from seatbelt.data.importers.formats.json_files import Record, identifier, load_record, records, text, whole_number
from seatbelt.data.importers.frames import (
    BadFileError,
    Frame,
    Lost,
    Notes,
    Painted,
    Places,
    Reader,
    Survey,
    contained,
    quoted,
)
from seatbelt.data.importers.layouts import MergedSource, Part
from seatbelt.data.importers.pixels import paint_label
from seatbelt.data.importers.rle import BadRegionError, decode_region
from seatbelt.errors import UserError

STRAY = Lost("left out, annotations of no image")


def open_coco(source: Path, places: Places) -> Reader:
    """Return a reader of an annotation file, or of all files of a data set in splits.

    Raises:
        UserError: The files cannot be read, or the choice of the file is ambiguous.
    """
    if places.masks or places.colours or places.mask_suffix or places.image_suffix:
        raise UserError("COCO stores its masks in its JSON file: omit --masks, --mask-suffix and --colours")
    files = find_annotations(source)
    if len(files) == 1 and not files[0].split:
        return CocoSource(files[0], places)
    prefixes = [file.word for file in files] if len(files) > 1 else [""]
    return MergedSource(
        [
            Part(reader=CocoSource(file, places), prefix=prefix, split=file.split)
            for file, prefix in zip(files, prefixes, strict=True)
        ]
    )


class CocoSource:
    """A reader of one annotation file."""

    def __init__(self, file: AnnotationFile, places: Places) -> None:
        source = self._path = file.path
        self._where = self._path.name
        self._roots = [places.images] if places.images else list(file.image_roots)
        self._by_name = files_by_name(self._roots) if places.name_only else None
        try:
            self._raw = load_record(self._path, self._where)
            self._images = records(self._raw, "images", self._where, required=True)
            self._labels = self._categories()
            self._annotations = self._by_image()
        except BadFileError as bad:
            raise UserError(f"{source}: {bad}") from None
        info = self._raw.get("info")
        self._classes, self._target = _our_classes(info.get("seatbelt") if isinstance(info, dict) else None)
        if not self._images:
            raise UserError(f"{self._path} lists no images; is it a COCO file?")

    def survey(self) -> Survey:
        """Return the names of all categories."""
        labels = frozenset(self._labels.values())
        return Survey(labels=labels, images=len(self._images), classes=self._classes, target=self._target)

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the images in the order of the file."""
        seen: set[int | str] = set()
        for number, image in enumerate(self._images):
            try:
                where = f"{self._where}: image {number}"
                key = identifier(image, "id", where)
                if key in seen:
                    raise BadFileError(where, f"the id {key!r} is given twice")
                seen.add(key)
                yield self._frame(image, where, self._annotations.get(key, []), classes)
            except BadFileError as bad:
                yield bad
        yield from (STRAY for key, strays in self._annotations.items() if key not in seen for _ in strays)

    def _categories(self) -> dict[int | str, str]:
        labels: dict[int | str, str] = {}
        for category in records(self._raw, "categories", self._where, required=True):
            key, name = identifier(category, "id", f"{self._where}: categories"), category.get("name")
            if not isinstance(name, str) or not label_is_usable(name):
                raise BadFileError(self._where, f"category {key!r}: name must be a text, but got {quoted(name)}")
            if labels.setdefault(key, name) != name:
                raise BadFileError(self._where, f"categories {name} and {labels[key]} share the id {key!r}")
        return labels

    def _by_image(self) -> dict[int | str, list[Record]]:
        by_image: dict[int | str, list[Record]] = defaultdict(list)
        for number, annotation in enumerate(records(self._raw, "annotations", self._where, required=True)):
            by_image[identifier(annotation, "image_id", f"{self._where}: annotation {number}")].append(annotation)
        return dict(by_image)

    def _frame(self, image: Record, where: str, annotations: list[Record], classes: Classes) -> Frame:
        path, name = self._image(image, where)
        size = None
        if image.get("width") is not None or image.get("height") is not None:
            size = (whole_number(image, "height", where), whole_number(image, "width", where))
        ours = {key: text(image, key) for key in ("subject", "split", "domain", "generation")}
        return Frame(
            name=name,
            image=path,
            paint=partial(_paint, name, annotations, self._labels, classes, size),
            **(ours if self._classes else {}),
        )

    def _image(self, image: Record, where: str) -> tuple[Path, str]:
        """Return the file of an image, and its name in the result."""
        listed = image.get("file_name")
        if self._by_name is not None and isinstance(listed, str):
            return find_by_name(self._by_name, listed)
        hint = "; --name-only compares only the last part of names"
        paths = [contained(root, listed, where, hint=hint) for root in self._roots]
        name = str(PurePosixPath(text(image, "file_name")))
        spellings = (spelled(path.parent, path.name) for path in paths)
        path = next((p.with_name(spelling) for p, spelling in zip(paths, spellings, strict=True) if spelling), None)
        if path is None:
            places = ", ".join(dict.fromkeys(str(root) for root in self._roots))
            raise BadFileError(
                name, f"the file is missing in {places}; name the folder of the images by --images, or try --name-only"
            )
        return path, name


def _paint(
    name: str,
    annotations: list[Record],
    labels: dict[int | str, str],
    classes: Classes,
    declared: tuple[int, int] | None,
    size: tuple[int, int],
) -> Painted:
    """Paint the annotations of an image of `size` (H, W) in order; later ones win."""
    if declared not in (None, size):
        says = f"{declared[1]}x{declared[0]}" if declared else ""
        hint = ""
        if declared == size[::-1]:
            hint = "; if EXIF turns it, save it upright: the orientation of its annotations is ambiguous"
        raise BadFileError(name, f"the file has {size[1]}x{size[0]} pixels, but the JSON says {says}{hint}")
    mask = np.full(size, classes.background, np.uint8)
    covered = np.zeros(size, bool)
    notes = Notes()
    for annotation in annotations:
        where = f"{name}: annotation {quoted(annotation.get('id'))}"
        category = identifier(annotation, "category_id", where)
        if not annotation.get("segmentation"):
            notes["no outline", labels.get(category, f"category {category}")] += 1
            continue
        try:
            region = decode_region(annotation["segmentation"], *size)
        except BadRegionError as error:
            raise BadFileError(where, str(error)) from None
        if not region.any():
            notes["no pixels", labels.get(category, f"category {category}")] += 1
            continue
        if category not in labels:
            notes["unknown label", f"category {category}"] += int(region.sum())
            continue
        before = mask.copy()
        paint_label(mask, region, labels[category], classes, notes)
        overlap = int((covered & (mask != before)).sum())
        if overlap:
            notes["overlap", labels[category]] += overlap
        covered |= region
    return Painted(mask=mask, notes=notes)


def _our_classes(ours: object) -> tuple[dict[str, int] | None, str]:
    """Return the classes and target written by `data export`, if they are valid."""
    if not isinstance(ours, dict) or not isinstance(ours.get("classes"), dict):
        return None, ""
    classes = ours["classes"]
    numbers = list(classes.values())
    sound = all(type(number) is int and 0 <= number < IGNORE for number in numbers)
    if not sound or len(set(numbers)) < len(numbers) or not all(map(label_is_usable, classes)):
        return None, ""
    target = ours.get("target")
    return dict(classes), target if isinstance(target, str) else ""
