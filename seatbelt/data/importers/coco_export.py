"""A native data-set folder as COCO: `annotations.json` and `images/`.

Each class of an image becomes one annotation with compressed run lengths, which preserve its mask exactly (polygons
would not). Subjects, splits and class numbers are stored in additional fields that other readers skip; `import_data`
reads them back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.datasets.dataset import IGNORE, DataSet, decode, read
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.importers.classes import BACKGROUND, IGNORED_LABELS
from seatbelt.data.importers.rle import encode_region
from seatbelt.data.importers.writing import new_folder
from seatbelt.errors import UserError


def export_coco(source: Path, out: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Write a native data set as COCO and return the number of images.

    Args:
        source: The native data-set folder.
        out: The folder to write, which must be missing or empty.
        progress: Called with the number of finished images and their total.

    Raises:
        UserError: The data set has a fault; see `seatbelt data check`. Then `out` stays empty.
    """
    dataset = read(source)
    labels = _labels(dataset)
    names = _file_names(dataset)
    sizes: list[tuple[int, int]] = []
    with new_folder(out, source):
        with (out / "annotations.json.part").open("w", encoding="utf-8") as file:
            file.write('{"annotations": [')
            _write_list(file, _annotations(dataset, names, labels, out, sizes, progress))
            file.write('],\n"images": [')
            rows = zip(dataset.rows, names, sizes, strict=True)
            _write_list(file, (_image(i, *row) for i, row in enumerate(rows, start=1)))
            categories = [{"id": number, "name": name} for number, name in sorted(labels.items())]
            ours = {"name": dataset.name, "classes": dataset.classes, "target": dataset.target}
            info = {"description": dataset.name, "seatbelt": ours}
            file.write(f'],\n"categories": {json.dumps(categories)},\n"licenses": [],\n"info": {json.dumps(info)}}}\n')
        (out / "annotations.json.part").replace(out / "annotations.json")
    return len(dataset.rows)


def _labels(dataset: DataSet) -> dict[int, str]:
    """Return mask value -> category name; the background has no annotation."""
    labels = {number: name for name, number in dataset.classes.items() if name != BACKGROUND}
    ignored = next((name for name in IGNORED_LABELS if name not in dataset.classes), None)
    if ignored is None:
        raise UserError(f"data set {dataset.root}: rename one of the classes {', '.join(IGNORED_LABELS)} first")
    return labels | {IGNORE: ignored}


def _file_names(dataset: DataSet) -> list[str]:
    names = [str(PurePosixPath(row.image)).removeprefix("images/") for row in dataset.rows]
    if len(set(names)) < len(names):
        raise UserError(f"data set {dataset.root}: two images have one name below images/; rename one")
    return names


def _annotations(
    dataset: DataSet,
    names: list[str],
    labels: dict[int, str],
    out: Path,
    sizes: list[tuple[int, int]],
    progress: Callable[[int, int], None] | None,
) -> Iterator[dict[str, object]]:
    """Copy the images one by one and yield their annotations."""
    number = 0
    for i, (row, name) in enumerate(zip(dataset.rows, names, strict=True), start=1):
        _, mask = decode(dataset, row)
        sizes.append((mask.shape[0], mask.shape[1]))
        target = out / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset.image_path(row), target)
        for value in np.unique(mask).tolist():
            if value in labels:
                number += 1
                yield {"id": number, "image_id": i, "category_id": value, **_region(mask == value)}
            elif value != dataset.classes.get(BACKGROUND):
                raise UserError(f"data set {dataset.root}: {row.mask} holds {value}, which is no class")
        if progress:
            progress(i, len(names))


def _region(region: NDArray[np.bool_]) -> dict[str, object]:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "segmentation": encode_region(region),
        "area": int(region.sum()),
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        "iscrowd": 0,
    }


def _image(number: int, row: Row, name: str, size: tuple[int, int]) -> dict[str, object]:
    places = {"subject": row.subject, "split": row.split, "domain": row.domain, "generation": row.generation}
    return {"id": number, "file_name": name, "width": size[1], "height": size[0], **places}


def _write_list(file: TextIO, entries: Iterator[dict[str, object]]) -> None:
    for i, entry in enumerate(entries):
        file.write(("," if i else "") + "\n" + json.dumps(entry))
