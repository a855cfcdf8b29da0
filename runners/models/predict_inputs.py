"""Which images to predict, where their masks lie, and what their predictions are called."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from seatbelt.data.datasets.dataset import DataSet, read
from seatbelt.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""Suffixes of image files in folders."""


@dataclass(frozen=True, kw_only=True)
class InputImage:
    """An image to predict."""

    path: Path
    name: str
    """Name of its prediction below the output folder, without suffix."""
    mask: Path | None = None
    """Its annotation."""
    numbers: dict[str, int] | None = None
    """Class -> number in the annotation; None for those of the model."""
    subject: str = ""
    """Whom it shows; empty if that is unknown."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All images of one run, and the native data sets among them."""

    images: tuple[InputImage, ...]
    datasets: tuple[DataSet, ...]


def find_inputs(places: Sequence[str], *, out: Path, masks: Path | None, split: str | None) -> Inputs:
    """Return the images of files, folders, patterns and native data sets.

    Args:
        places: What the user named.
        out: The output folder, whose files are no input.
        masks: Folder of annotations with the names of the images.
        split: Only this split of native data sets.

    Raises:
        UserError: A place does not exist or holds no image, or two predictions would have one name.
    """
    if masks is not None and not masks.is_dir():
        raise UserError(f"--masks {masks}: there is no such folder")
    images: list[InputImage] = []
    datasets: list[DataSet] = []
    for place in places:
        for path in _expand(place):
            if (path / "dataset.json").is_file():
                datasets.append(read(path))
                images += _of_dataset(datasets[-1], split)
            elif path.is_dir():
                images += _of_folder(path, out)
            else:
                images.append(InputImage(path=path, name=path.stem))
    if split is not None and not datasets:
        raise UserError(f"--split {split} is for native data sets, but there is none among {', '.join(places)}")
    named = _with_unique_names(list({os.path.realpath(image.path): image for image in images}.values()))
    if masks is not None:
        named = [image if image.mask else replace(image, mask=_mask_of(masks, image)) for image in named]
    return Inputs(images=tuple(named), datasets=tuple(datasets))


def _expand(place: str) -> list[Path]:
    path = Path(place)
    if path.exists():
        return [path]
    matches = sorted(glob.glob(place, recursive=True)) if glob.has_magic(place) else []
    if not matches:
        what = "no file matches this pattern" if glob.has_magic(place) else "there is no such file or folder"
        raise UserError(f"{place}: {what}")
    return [Path(match) for match in matches]


def _of_dataset(dataset: DataSet, split: str | None) -> list[InputImage]:
    rows = [row for row in dataset.rows if split is None or (row.split or "train") == split]
    if not rows:
        raise UserError(f"data set {dataset.root} has no image of the split {split}")
    return [
        InputImage(
            path=dataset.image_path(row),
            name=str(PurePosixPath(row.image).with_suffix("")).removeprefix("images/"),
            mask=dataset.mask_path(row),
            numbers=dataset.classes,
            subject=row.subject,
        )
        for row in rows
    ]


def _of_folder(folder: Path, out: Path) -> list[InputImage]:
    results = out.resolve()
    images = [
        InputImage(path=path, name=path.relative_to(folder).with_suffix("").as_posix())
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.resolve().is_relative_to(results)
    ]
    if not images:
        raise UserError(f"{folder} holds no image ({', '.join(sorted(SUFFIXES))})")
    return images


def _with_unique_names(images: list[InputImage]) -> list[InputImage]:
    """Return images with different names: of equal ones, with their suffix, and then with their folder."""
    images = _rename_equal(images, lambda image: f"{image.name}{image.path.suffix}")
    images = _rename_equal(images, lambda image: f"{image.path.parent.name}/{image.name}")
    name, count = Counter(image.name for image in images).most_common(1)[0]
    if count > 1:
        some = ", ".join(os.fspath(image.path) for image in images if image.name == name)
        raise UserError(f"{some} would have predictions of one name; predict them into different folders")
    return images


def _rename_equal(images: list[InputImage], rename: Callable[[InputImage], str]) -> list[InputImage]:
    counts = Counter(image.name for image in images)
    return [replace(image, name=rename(image)) if counts[image.name] > 1 else image for image in images]


def _mask_of(masks: Path, image: InputImage) -> Path:
    """Return the mask of an image: below the folder as the image is below its own, or else by its file name alone."""
    places = [masks / f"{image.name}.png", masks / f"{image.path.stem}.png"]
    mask = next((place for place in places if place.is_file()), None)
    if mask is None:
        raise UserError(f"--masks {masks} has no {image.name}.png, the mask of {image.path}")
    return mask
