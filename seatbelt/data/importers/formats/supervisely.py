"""Supervisely: `meta.json` beside data sets with `img/` and `ann/IMAGE.json` (docs.supervisely.com, "Annotation JSON").

Bitmaps (a PNG compressed by zlib, in base64), polygons and rectangles are painted in order; later ones win. A data-set
folder named after a split, or a tag of an image, sets the split.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seatbelt.data.datasets.images import MAX_PIXELS
from seatbelt.data.importers.classes import Classes, label_is_usable
from seatbelt.data.importers.formats.json_files import Record, load_record, records, text, whole_number
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
from seatbelt.data.importers.split_names import split_of
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, walk
from seatbelt.errors import UserError

STRAY = Lost("left out, annotation files of no image")
UNANNOTATED = "without an annotation file: all background"

_SHAPES = ("bitmap", "polygon", "rectangle")
_MOST_BYTES = 64 * 2**20
"""Largest size of an unpacked bitmap in bytes."""


def open_supervisely(root: Path, places: Places) -> Reader:
    """Return a reader of a project with all its data sets, or of one of them.

    Raises:
        UserError: There is no data set.
    """
    if places.images or places.masks or places.colours or places.mask_suffix or places.image_suffix:
        raise UserError("Supervisely projects have fixed folders: omit --images, --masks and --colours")
    if (root / "img").is_dir() and (root / "ann").is_dir():
        return SuperviselySource(root, root.parent / "meta.json")
    folders = sorted(path.parent for path in root.glob("*/ann") if (path.parent / "img").is_dir())
    if not folders:
        raise UserError(f"{root} holds no data set with img/ and ann/; name the folder of the project")
    return MergedSource(
        [
            Part(
                reader=SuperviselySource(folder, root / "meta.json"),
                prefix=folder.name if len(folders) > 1 else "",
                split=folder.name if split_of(folder.name) else "",
            )
            for folder in folders
        ]
    )


class SuperviselySource:
    """A reader of one data set with one annotation file in memory at a time."""

    def __init__(self, root: Path, meta: Path) -> None:
        self._root = root
        try:
            raw = load_record(meta, meta.name)
            names = [entry.get("title") for entry in records(raw, "classes", meta.name, required=True)]
        except BadFileError as bad:
            raise UserError(f"{meta.parent}: {bad}") from None
        unusable = next((name for name in names if not label_is_usable(name)), None)
        if unusable is not None:
            raise UserError(f"{meta}: the title of a class must be a text, but got {quoted(unusable)}")
        self._labels = frozenset(str(name) for name in names)

    def survey(self) -> Survey:
        """Return the classes of the project."""
        return Survey(labels=self._labels, images=sum(1 for _ in self._images()))

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the images; those without an annotation file show no class."""
        for name in self._images():
            try:
                annotation = contained(self._root / "ann", f"{name}.json", f"ann/{name}.json")
                raw = load_record(annotation, f"ann/{name}.json") if annotation.exists() else {}
                if not annotation.exists():
                    yield UNANNOTATED
                tags = (text(tag, "name") for tag in records(raw, "tags", f"ann/{name}.json"))
                yield Frame(
                    name=name,
                    image=contained(self._root / "img", name, f"img/{name}"),
                    paint=partial(_paint, f"ann/{name}.json", raw, self._labels, classes),
                    split=next((tag for tag in tags if split_of(tag)), ""),
                )
            except BadFileError as bad:
                yield bad
        for entry in walk(self._root / "ann"):
            if isinstance(entry, str) and entry.endswith(".json"):
                image = entry.removesuffix(".json")
                if not (self._root / "img" / image).exists():
                    yield STRAY

    def _images(self) -> Iterator[str]:
        for name in walk(self._root / "img"):
            if isinstance(name, str) and name.lower().endswith(IMAGE_SUFFIXES):
                yield name


def _paint(where: str, raw: Record, labels: frozenset[str], classes: Classes, size: tuple[int, int]) -> Painted:
    """Paint the objects of an image of `size` (H, W)."""
    declared = raw.get("size")
    if isinstance(declared, dict):
        says = whole_number(declared, "height", where), whole_number(declared, "width", where)
        if says != size:
            raise BadFileError(where, f"says {says[1]}x{says[0]}, but the upright image has {size[1]}x{size[0]} pixels")
    mask, notes = np.full(size, classes.background, np.uint8), Notes()
    covered = np.zeros(size, bool)
    for number, entry in enumerate(records(raw, "objects", where)):
        here = f"{where}: object {number}"
        label, shape = text(entry, "classTitle"), text(entry, "geometryType")
        if shape not in _SHAPES:
            notes["other shape", f"objects of the shape {shape[:40] or 'unknown'}"] += 1
            continue
        region = _region(entry, shape, size, here)
        if not region.any():
            notes["no pixels", label] += 1
        elif label not in labels:
            notes["unknown label", label[:80]] += int(region.sum())
        else:
            before = mask.copy()
            paint_label(mask, region, label, classes, notes)
            overlap = int((covered & (mask != before)).sum())
            notes.update({("overlap", label): overlap} if overlap else {})
            covered |= region
    return Painted(mask=mask, notes=notes)


def _region(entry: Record, shape: str, size: tuple[int, int], where: str) -> NDArray[np.bool_]:
    if shape == "bitmap":
        return _bitmap(entry.get("bitmap"), size, where)
    points = entry.get("points")
    if not isinstance(points, dict):
        raise BadFileError(where, "has no points")
    outer = _corners(points.get("exterior"), size, where)
    region = np.zeros(size, np.uint8)
    if shape == "rectangle":
        (left, top), (right, bottom) = outer.min(axis=0), outer.max(axis=0)
        region[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = 1
        return region.astype(bool)
    cv2.fillPoly(region, [outer], 1)
    holes = points.get("interior")
    for hole in holes if isinstance(holes, list) else ():
        cv2.fillPoly(region, [_corners(hole, size, where)], 0)
    return region.astype(bool)


def _corners(points: object, size: tuple[int, int], where: str) -> NDArray[np.int32]:
    """Return corners (N, 2) as x and y."""
    ok = isinstance(points, list) and len(points) >= 2
    if not isinstance(points, list) or not ok or not all(_is_corner(point) for point in points):
        raise BadFileError(where, "its points must be a list [[x, y], ...] of numbers")
    corners = np.array(points, np.float64)
    limits = np.array([size[1], size[0]])
    if not bool(((corners >= -limits) & (corners <= 2 * limits)).all()):
        raise BadFileError(where, f"its points reach far out of the image of {size[1]}x{size[0]} pixels")
    return np.rint(corners).astype(np.int32)


def _is_corner(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(value) in (int, float) and abs(value) < 1e9 for value in point)
    )


def _bitmap(bitmap: object, size: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Return the region of a packed PNG with its upper left corner at `origin`."""
    data = bitmap.get("data") if isinstance(bitmap, dict) else None
    origin = bitmap.get("origin") if isinstance(bitmap, dict) else None
    if not isinstance(data, str) or not _is_corner(origin) or not isinstance(origin, list):
        raise BadFileError(where, "its bitmap must have data (base64) and origin [x, y]")
    part = _unpacked(data, where)
    left, top = int(origin[0]), int(origin[1])
    if left < 0 or top < 0 or top + part.shape[0] > size[0] or left + part.shape[1] > size[1]:
        raise BadFileError(where, f"its bitmap reaches out of the image of {size[1]}x{size[0]} pixels")
    region = np.zeros(size, bool)
    region[top : top + part.shape[0], left : left + part.shape[1]] = part
    return region


def _unpacked(data: str, where: str) -> NDArray[np.bool_]:
    try:
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(base64.b64decode(data, validate=True), _MOST_BYTES)
        if unpacker.unconsumed_tail:
            raise BadFileError(where, f"its bitmap is larger than {_MOST_BYTES:,} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(packed), formats=("PNG",)) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise BadFileError(where, f"its bitmap has more than {MAX_PIXELS:,} pixels")
                # The region is the opaque part in Supervisely, and the part that is not black in older projects.
                alpha = file.mode in ("RGBA", "LA") or "transparency" in file.info
                channel = file.convert("RGBA").getchannel("A") if alpha else file.convert("L")
                return np.asarray(channel) > 0
    except BadFileError:
        raise
    except (binascii.Error, zlib.error) as error:
        raise BadFileError(where, f"its bitmap cannot be unpacked ({error})") from None
    except Exception as error:
        # Pillow's decoders raise any exception on a damaged file.
        raise BadFileError(where, f"its bitmap cannot be decoded ({error})") from None
