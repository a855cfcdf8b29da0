"""Writes a native data-set folder image by image; `dataset.json` comes last."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seatbelt.data.datasets.manifest import COLUMNS, Row
from seatbelt.data.importers.assignment import Place
from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFileError, Frame
from seatbelt.errors import UserError

_WRITTEN = ("images", "masks", "manifest.csv", "dataset.json", "annotations.json")
"""All files and folders that imports and exports write, besides `.part` files."""


@contextmanager
def new_folder(out: Path, *sources: Path) -> Iterator[None]:
    """Create a folder with `images/` for the body to fill; if the body fails, its files are removed.

    The folder must be empty or missing. Only files of imports and exports are removed.

    Raises:
        UserError: The folder is not empty, lies within the source, or cannot be written.
    """
    for source in sources:
        if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
            raise UserError(f"{out} lies in the source {source}: name a folder outside of it with --out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty: name a new folder with --out")
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Of two concurrent writers one fails here, before it could remove files of the other.
        (out / "images").mkdir()
    except OSError as error:
        raise _unwritable(out, error) from None
    try:
        yield
    except BaseException as error:
        _remove(out, missing)
        if isinstance(error, OSError):
            raise _unwritable(out, error) from None
        raise


@dataclass
class NativeWriter:
    """Writes images, masks and manifest lines into a `new_folder`, and the description at the end."""

    out: Path
    classes: Classes
    _file: TextIO = field(init=False)

    def __enter__(self) -> NativeWriter:
        (self.out / "masks").mkdir()
        self._file = (self.out / "manifest.csv").open("w", newline="", encoding="utf-8")
        self._line(COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, frame: Frame, place: Place, converted: NDArray[np.uint8] | None, mask: NDArray[np.uint8]) -> Row:
        """Write one image with its mask (H, W); return its line of the manifest.

        Args:
            frame: The image, whose file is copied byte for byte unless `converted` is given.
            place: Its subject, split, domain and generation.
            converted: Pixels (H, W, 3) to write as a PNG instead; None to copy the file.
            mask: Class numbers.

        Raises:
            BadFileError: Another image of the source has the same name, apart from the extension.
        """
        name = PurePosixPath(frame.name)
        image = PurePosixPath("images") / (name if converted is None else name.with_suffix(".png"))
        masked = PurePosixPath("masks") / name.with_suffix(".png")
        if (self.out / image).exists() or (self.out / masked).exists():
            raise BadFileError(frame.name, "another image has the same name (endings aside); rename one")
        for path in (image, masked):
            (self.out / path).parent.mkdir(parents=True, exist_ok=True)
        if converted is None:
            shutil.copyfile(frame.image, self.out / image)
        else:
            Image.fromarray(converted).save(self.out / image, format="PNG")
        Image.fromarray(mask).save(self.out / masked, format="PNG")
        values = (str(image), str(masked), place.domain, place.generation, place.subject, place.split)
        self._line(values)
        return Row(
            image=values[0],
            mask=values[1],
            domain=place.domain,
            generation=place.generation,
            subject=place.subject,
            split=place.split,
        )

    def finish(self, name: str, licence: str, origin: str) -> None:
        """Write the description, which makes the folder a data set."""
        self._file.close()
        description = {
            "format": 1,
            "name": name,
            "licence": licence,
            "classes": self.classes.numbers,
            "target": self.classes.target,
            "imported_from": origin,
        }
        part = self.out / "dataset.json.part"
        part.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(self.out / "dataset.json")

    def _line(self, values: tuple[str, ...]) -> None:
        csv.writer(self._file, lineterminator="\n").writerow(values)


def _unwritable(out: Path, error: OSError) -> UserError:
    return UserError(f"{out} cannot be written ({error.strerror or error}); choose another --out")


def _remove(out: Path, folders: list[Path]) -> None:
    for name in _WRITTEN:
        shutil.rmtree(out / name, ignore_errors=True)
        for path in (out / name, out / f"{name}.part"):
            with suppress(OSError):
                path.unlink()
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
