"""The native data-set folder: `dataset.json`, `manifest.csv`, `images/`, `masks/`.

`read` validates everything in the folder but opens no image. `check` opens every image and reports every fault.
`decode` is the only function that turns files into pixels.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.datasets.images import Picture, UnusableImageError, describe_mismatch, open_mask, read_picture
from seatbelt.data.datasets.manifest import COLUMNS, Fault, Row, lies_in, read_manifest
from seatbelt.errors import UserError, refuse_newer_format
from seatbelt.text.redaction import printable

IGNORE = 255
"""Class index of pixels that are excluded from loss and metrics."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A native data-set folder with consistent description and manifest."""

    root: Path
    name: str
    classes: dict[str, int]
    target: str
    rows: tuple[Row, ...]

    def image_path(self, row: Row) -> Path:
        """Return the path of a row's image."""
        return self.root / row.image

    def mask_path(self, row: Row) -> Path:
        """Return the path of a row's mask."""
        return self.root / row.mask


def read(root: Path) -> DataSet:
    """Read a folder's description and manifest.

    Raises:
        UserError: The folder has a structural fault; the message describes the first one.
    """
    root = Path(root)
    description = _description(root)
    rows, faults = read_manifest(root)
    faults += _crossing_subjects(rows)
    if faults:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        raise UserError(f"data set {root}: {faults[0]}{more}; see `seatbelt data check {root}`")
    if not rows:
        raise UserError(f"data set {root}: manifest.csv lists no images; add one line per image")
    return DataSet(
        root=root,
        name=description["name"],
        classes=description["classes"],
        target=description["target"],
        rows=tuple(rows),
    )


Visit = Callable[[Row, Picture, NDArray[np.uint8]], None]
"""Called with each valid line of a manifest, its image, and its mask (H, W)."""


def check(
    root: Path, progress: Callable[[int, int], None] | None = None, visit: Visit = lambda *_: None
) -> list[Fault]:
    """Open every file of a data set and return all faults.

    Args:
        root: The native data-set folder.
        progress: Called with the number of rows checked and their total.
        visit: Called with each valid image and mask.

    Raises:
        UserError: The description cannot be read, so that nothing can be checked.
    """
    root = Path(root)
    description = _description(root)
    rows, faults = read_manifest(root)
    faults += _crossing_subjects(rows)
    indices = set(description["classes"].values()) | {IGNORE}
    if not rows and not faults:
        faults.append(Fault(where="manifest.csv", what="lists no images"))
    for done, row in enumerate(rows, start=1):
        faults += _row_faults(root, row, indices, visit)
        if progress:
            progress(done, len(rows))
    return faults


def decode(dataset: DataSet, row: Row) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a row's image (H, W, 3) RGB and mask (H, W) of class indices.

    Raises:
        UserError: A file is missing, damaged or too large, or image and mask differ in size.
    """
    try:
        picture = read_picture(dataset.image_path(row))
        mask = open_mask(dataset.mask_path(row))
    except UnusableImageError as error:
        raise UserError(f"data set {dataset.root}: {error}; see `seatbelt data check {dataset.root}`") from None
    if picture.pixels.shape[:2] != mask.shape:
        what = describe_mismatch(picture, mask.shape)
        raise UserError(f"data set {dataset.root}: {row.mask}: {what}; masks must have their image's size")
    return picture.pixels, mask


def read_target(root: Path) -> tuple[str, int]:
    """Return the name and index of a data set's target class.

    Raises:
        UserError: Its description cannot be read.
    """
    description = _description(root)
    return description["target"], description["classes"][description["target"]]


def fingerprint(dataset: DataSet) -> str:
    """Return the sha256 of all inputs of a training: classes, manifest, images and masks."""
    digest = hashlib.sha256()
    digest.update(json.dumps([dataset.name, dataset.classes, dataset.target], sort_keys=True).encode())
    for row in dataset.rows:
        digest.update("\0".join(getattr(row, column) for column in COLUMNS).encode())
        # A manifest without tags keeps its fingerprint from before tags existed.
        digest.update("".join(f"\0{name}={value}" for name, value in row.tags).encode())
        for path in (dataset.image_path(row), dataset.mask_path(row)):
            try:
                # Reading a pipe or device may never end.
                if not path.is_file():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise UserError(
                    f"data set {dataset.root}: {path.relative_to(dataset.root)} cannot be read "
                    f"({error.strerror}); see `seatbelt data check {dataset.root}`"
                ) from None
    return digest.hexdigest()


def _description(root: Path) -> dict[str, Any]:
    path = root / "dataset.json"
    try:
        if not root.is_dir():
            raise UserError(f"data set {root}: there is no such folder")
        if not path.exists():
            raise FileNotFoundError
        if not lies_in(root, path.name):
            raise UserError(f"data set {root}: dataset.json is not a file in this folder; put the file itself there")
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"data set {root}: dataset.json is missing; it names the classes and the target") from None
    except UserError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"data set {root}: dataset.json cannot be read as JSON ({error})") from None
    _check_description(root, raw)
    return {"name": raw["name"], "classes": dict(raw["classes"]), "target": raw["target"]}


def _check_description(root: Path, raw: Any) -> None:  # noqa: ANN401  (any JSON value)
    def refuse(what: str) -> UserError:
        return UserError(f"data set {root}: dataset.json: {what}")

    if not isinstance(raw, dict):
        raise refuse("must be an object with format, name, classes and target")
    refuse_newer_format(f"data set {root}: dataset.json:", raw.get("format"), 1)
    if raw.get("format") != 1:
        raise refuse(f"format must be 1, but got {raw.get('format')!r}")
    if not isinstance(raw.get("name"), str) or not raw["name"]:
        raise refuse("name must be a non-empty text")
    if printable(raw["name"]) != raw["name"]:
        raise refuse(f"name {raw['name']!r} holds a control character")
    classes = raw.get("classes")
    if not isinstance(classes, dict) or not all(
        type(index) is int and 0 <= index < IGNORE for index in classes.values()
    ):
        raise refuse("classes must map each name to an index from 0 to 254")
    controlled = next((name for name in classes if printable(name) != name), None)
    if controlled is not None:
        raise refuse(f"the class {controlled!r} holds a control character")
    if len(set(classes.values())) != len(classes):
        raise refuse("two classes share one index")
    if raw.get("target") not in list(classes):
        raise refuse(f"target must be one of the classes, but got {raw.get('target')!r}")


def _crossing_subjects(rows: list[Row]) -> list[Fault]:
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.subject:
            splits[row.subject].add(row.split or "train")
    return [
        Fault(where=f"subject {subject}", what=f"is in two splits ({' and '.join(sorted(names))})")
        for subject, names in sorted(splits.items())
        if len(names) > 1
    ]


def _row_faults(root: Path, row: Row, indices: set[int], visit: Visit) -> list[Fault]:
    faults = []
    picture, mask = None, None
    try:
        picture = read_picture(root / row.image)
    except UnusableImageError as error:
        faults.append(Fault(where=row.image, what=error.what))
    try:
        mask = open_mask(root / row.mask)
    except UnusableImageError as error:
        faults.append(Fault(where=row.mask, what=error.what))
    if picture is None or mask is None:
        return faults
    if picture.pixels.shape[:2] != mask.shape:
        faults.append(Fault(where=row.mask, what=describe_mismatch(picture, mask.shape)))
    unnamed = sorted(set(np.unique(mask).tolist()) - indices)
    if unnamed:
        faults.append(Fault(where=row.mask, what=f"class index without a name: {', '.join(map(str, unnamed))}"))
    if not faults:
        visit(row, picture, mask)
    return faults
