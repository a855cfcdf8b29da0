"""The output folder of `predict`: masks, overlays, and a table that tells a later run what is done."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runners.models.predict_inputs import InputImage
from seatbelt.errors import UserError
from seatbelt.inference.measures import Measures, measure
from seatbelt.inference.overlay import jpeg, mask_png, overlay
from seatbelt.inference.prediction import Image, Prediction

TABLE = "predictions.csv"
_RUN = "predict.json"
_FORMAT = 1

COLUMNS = (
    *("image", "mask", "width", "height", "share", "components", "largest", "mean_probability", "entropy"),
    "iou",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    image: str
    mask: str
    """Path of the predicted mask below the output folder."""
    measures: Measures
    iou: float | None
    """IoU of the target at the size of the image; None without an annotation."""


class ResultFolder:
    """The output folder; a line of the table follows the files that it tells of."""

    def __init__(self, root: Path, *, model: str, overlays: bool, force: bool) -> None:
        """Open a folder for the predictions of one model.

        Args:
            root: The folder.
            model: What identifies the model.
            overlays: Write overlays too.
            force: Begin anew where predictions of another model lie, and write beside other files.

        Raises:
            UserError: The folder holds something else.
        """
        self._root, self._overlays = root, overlays
        self.done: dict[str, Row] = {}
        """Name -> row of the images that an earlier run predicted."""
        if root.exists() and not root.is_dir():
            raise UserError(f"--out {root} is a file; name a folder")
        description = {"format": _FORMAT, "model": model, "overlays": overlays}
        earlier = self._description()
        if earlier == description:
            self.done = self._rows()
        elif earlier is not None and not force:
            what = "another model" if earlier.get("model") != model else "other options"
            raise UserError(
                f"--out {root} holds predictions of {what}; name another folder, or --force to replace them"
            )
        elif earlier is None and root.is_dir() and any(root.iterdir()) and not force:
            names = ", ".join(sorted(path.name for path in root.iterdir())[:3])
            raise UserError(f"--out {root} holds other files ({names}); name an empty folder, or --force")
        root.mkdir(parents=True, exist_ok=True)
        self._replace(_RUN, json.dumps(description, indent=1).encode())
        # A torn last line of a killed run must not stay.
        self._replace(TABLE, "".join(map(_line, (COLUMNS, *map(_cells, self.done.values())))).encode())
        self._table = (root / TABLE).open("a", encoding="utf-8", newline="")

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    def write(self, image: InputImage, pixels: Image, prediction: Prediction, iou: float | None) -> Row:
        """Write the files of one image, and return its line. Threads may call this at the same time."""
        mask = f"masks/{image.name}.png"
        self._replace(mask, mask_png(prediction.classes))
        if self._overlays:
            self._replace(f"overlays/{image.name}.jpg", jpeg(overlay(pixels, prediction.mask)))
        return Row(image=os.fspath(image.path), mask=mask, measures=measure(prediction), iou=iou)

    def enter(self, rows: list[Row]) -> None:
        """Add lines to the table."""
        self._table.write("".join(_line(_cells(row)) for row in rows))
        self._table.flush()

    def _replace(self, name: str, content: bytes) -> None:
        """Write a file so that a killed process leaves the old one or the new one."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)

    def _description(self) -> dict[str, Any] | None:
        try:
            description = json.loads((self._root / _RUN).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            return {}
        return description if isinstance(description, dict) else {}

    def _rows(self) -> dict[str, Row]:
        """Return the rows of an earlier run whose mask is still there."""
        try:
            text = (self._root / TABLE).read_text(encoding="utf-8")
        except OSError:
            return {}
        rows = {}
        # A line without an end was torn.
        for cells in csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])):
            row = _row(cells)
            if row is not None and (self._root / row.mask).is_file():
                rows[row.mask] = row
        return rows


def _cells(row: Row) -> tuple[object, ...]:
    numbers = asdict(row.measures)
    for name in ("share", "mean_probability", "entropy"):
        numbers[name] = "" if numbers[name] is None else f"{numbers[name]:.6f}"
    # A spreadsheet must not take a name for a formula.
    image = f"./{row.image}" if row.image[:1] in tuple("=+-@") else row.image
    return image, row.mask, *numbers.values(), "" if row.iou is None else f"{row.iou:.6f}"


def _line(cells: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _row(cells: dict[str, str]) -> Row | None:
    """Return the row of a line; None if it is no line of this table."""
    try:
        measures = Measures(
            width=int(cells["width"]),
            height=int(cells["height"]),
            share=float(cells["share"]),
            components=int(cells["components"]),
            largest=int(cells["largest"]),
            mean_probability=float(cells["mean_probability"]) if cells["mean_probability"] else None,
            entropy=float(cells["entropy"]),
        )
        iou = float(cells["iou"]) if cells["iou"] else None
        return Row(image=cells["image"], mask=cells["mask"], measures=measures, iou=iou)
    except (KeyError, ValueError, TypeError):
        return None
