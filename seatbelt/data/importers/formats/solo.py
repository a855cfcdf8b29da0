"""Unity Perception SOLO: `sequence.N/step{K}.frame_data.json` beside the images they name.

This reader follows Unity's package (com.unity.perception, `SoloEndpoint`), not its schema document: `instances` contain
only the labels in a frame, `filename` may be null, a captured camera may have no segmentation (Unity segments one
camera at a time), and definition files may be missing. The images of a sequence show one scene and stay together: their
default subject is the name of the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from seatbelt.data.importers.classes import BACKGROUND, Classes, label_is_usable
from seatbelt.data.importers.formats.json_files import Record, load_record, records, text
from seatbelt.data.importers.frames import BadFileError, Frame, Lost, Painted, Places, Survey, contained, quoted
from seatbelt.data.importers.pixels import Colour, paint_colours
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, natural, walk
from seatbelt.errors import UserError

_CAMERA = "RGBCamera"
_SEGMENTATION = "SemanticSegmentationAnnotation"

OTHER_SENSORS = "left out, captures of other sensors than RGB cameras"
NO_IMAGE = "left out, captures without an image (filename is null)"
ORPHANS = Lost("left out, images or masks of steps without a frame file (step*frame*.json)")
NO_SEGMENTATION = "left out, captures without a semantic segmentation"


class SoloSource:
    """A reader with one frame file in memory at a time."""

    def __init__(self, root: Path, places: Places) -> None:
        if places.images or places.masks or places.colours or places.mask_suffix:
            raise UserError("SOLO frames name their own files: omit --images, --masks, --mask-suffix and --colours")
        self._root = root
        self._sequences = sorted((p.name for p in root.glob("sequence.*") if p.is_dir()), key=natural)
        if not self._sequences:
            below = sorted(path.parent.name for path in root.glob("*/sequence.*") if path.is_dir())
            hint = f"; did you mean {root / below[0]}?" if below else ""
            raise UserError(f"{root} holds no folder sequence.N{hint}")

    def survey(self) -> Survey:
        """Collect the labels of all frames."""
        labels: set[str] = set()
        images = 0
        for where in self._frame_files():
            images += 1
            try:
                for capture in self._captures(where):
                    segmentation = _segmentation(capture, where)
                    if segmentation is not None and _is_a(capture, _CAMERA):
                        labels.update(_colours(segmentation, where).values())
            except BadFileError:
                # frames() reports it.
                continue
        return Survey(labels=frozenset(labels), images=images)

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield a frame for each camera image with a segmentation."""
        for where in self._frame_files():
            try:
                captures = self._captures(where)
            except BadFileError as bad:
                yield bad
                continue
            for capture in captures:
                try:
                    yield self._frame(capture, where, classes)
                except BadFileError as bad:
                    yield bad
        yield from (ORPHANS for _ in self._orphans())

    def _orphans(self) -> Iterator[str]:
        """Yield images of steps without a frame file."""
        for sequence in self._sequences:
            steps = {p.name.partition(".")[0] for p in (self._root / sequence).glob("step*frame*.json")}
            for name in walk(self._root, sequence):
                if isinstance(name, str) and name.lower().endswith(IMAGE_SUFFIXES):
                    if name.rpartition("/")[2].partition(".")[0] not in steps:
                        yield name

    def _frame_files(self) -> Iterator[str]:
        for sequence in self._sequences:
            names = sorted((p.name for p in (self._root / sequence).glob("step*frame*.json")), key=natural)
            yield from (f"{sequence}/{name}" for name in names)

    def _captures(self, where: str) -> list[Record]:
        frame = load_record(contained(self._root, where, where), where)
        return records(frame, "captures", where, required=True)

    def _frame(self, capture: Record, where: str, classes: Classes) -> Frame | str:
        if not _is_a(capture, _CAMERA):
            return OTHER_SENSORS
        if capture.get("filename") is None:
            return NO_IMAGE
        segmentation = _segmentation(capture, where)
        if segmentation is None:
            return NO_SEGMENTATION
        folder = where.rpartition("/")[0]
        image = contained(self._root / folder, capture["filename"], where)
        mask = contained(self._root / folder, segmentation["filename"], where)
        paint = partial(_paint, mask, f"{folder}/{segmentation['filename']}", _colours(segmentation, where), classes)
        return Frame(name=f"{folder}/{capture['filename']}", image=image, paint=paint, subject=folder)


def _paint(path: Path, where: str, colours: dict[Colour, str], classes: Classes, size: tuple[int, int]) -> Painted:
    del size
    return paint_colours(path, where, colours, classes)


def _is_a(record: Record, kind: str) -> bool:
    return text(record, "@type").rpartition(".")[2] == kind


def _segmentation(capture: Record, where: str) -> Record | None:
    for annotation in records(capture, "annotations", where):
        if _is_a(annotation, _SEGMENTATION) and annotation.get("filename") is not None:
            return annotation
    return None


def _colours(segmentation: Record, where: str) -> dict[Colour, str]:
    colours: dict[Colour, str] = {}
    for instance in records(segmentation, "instances", where):
        label, value = instance.get("labelName"), instance.get("pixelValue")
        if not isinstance(label, str) or not label_is_usable(label):
            raise BadFileError(where, f"labelName must be a text, but got {quoted(label)}")
        if not isinstance(value, list) or len(value) not in (3, 4) or not all(_is_byte(part) for part in value):
            raise BadFileError(where, f"pixelValue of {label} must be [r, g, b, a] from 0 to 255")
        colour = (int(value[0]), int(value[1]), int(value[2]))
        if colour == (0, 0, 0) and label != BACKGROUND:
            raise BadFileError(where, f"{label} is black, the colour of pixels without a label")
        if colours.setdefault(colour, label) != label:
            raise BadFileError(where, f"{label} and {colours[colour]} share the colour {colour}")
    return colours


def _is_byte(value: object) -> bool:
    return type(value) in (int, float) and value in range(256)
