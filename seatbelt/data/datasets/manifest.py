"""`manifest.csv` of a data-set folder: one line per image with six fixed columns; extra columns are tags.

Its content is not trusted; every fault is reported with its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seatbelt.config.notation import TAG_NAME
from seatbelt.data.datasets.spelling import spelled
from seatbelt.errors import UserError
from seatbelt.text.redaction import printable

COLUMNS = ("image", "mask", "domain", "generation", "subject", "split")
"""The first columns of every manifest."""

_DOMAINS = ("real", "synthetic")
_SPLITS = ("train", "test", "")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the manifest; paths are relative to the folder."""

    image: str
    mask: str
    domain: str
    generation: str
    subject: str
    split: str
    tags: tuple[tuple[str, str], ...] = ()
    """Names and values of the non-empty extra columns, such as (seat, empty)."""

    def tag(self, name: str) -> str | None:
        """Return the value of a tag, None if it is empty."""
        return next((value for key, value in self.tags if key == name), None)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a data set: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def read_manifest(root: Path) -> tuple[list[Row], list[Fault]]:
    """Return the valid lines of a folder's manifest, and the faults of the others.

    Raises:
        UserError: The file is missing, is not CSV, or its first line does not name the columns.
    """
    path = root / "manifest.csv"
    if path.exists() and not lies_in(root, path.name):
        raise UserError(f"data set {root}: manifest.csv is not a file in this folder; put the file itself there")
    try:
        # Spreadsheets write a byte order mark at the start of CSV files.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            _check_columns(root, columns)
            lines = list(_numbered(reader))
    except FileNotFoundError:
        raise UserError(f"data set {root}: manifest.csv is missing; it lists images and masks") from None
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"data set {root}: manifest.csv cannot be read ({error})") from None
    for _, line in lines:
        _spell(root, line)
    rows: list[Row] = []
    faults: list[Fault] = []
    line_of: dict[str, int] = {}
    for number, line in lines:
        where = f"manifest.csv line {number}"
        line_faults = _line_faults(root, where, line, columns)
        if not line_faults:
            image = str(PurePosixPath(line["image"]))
            if image in line_of:
                line_faults = [Fault(where=where, what=f"{image} is already listed in line {line_of[image]}")]
            line_of.setdefault(image, number)
        faults += line_faults
        if not line_faults:
            rows.append(_row(line))
    return rows, faults


def lies_in(root: Path, name: str) -> bool:
    """Return whether a name is a regular file below a folder after following links."""
    path = root / name
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _check_columns(root: Path, columns: Sequence[str]) -> None:
    if tuple(columns[: len(COLUMNS)]) != COLUMNS:
        raise UserError(
            f"data set {root}: the first line of manifest.csv must be {','.join(COLUMNS)} (and further columns may "
            f"follow), but got {','.join(columns)!r}"
        )
    for position, name in enumerate(columns):
        if not TAG_NAME.fullmatch(name):
            raise UserError(
                f"data set {root}: the first line of manifest.csv names the column {name!r}, but a name consists of "
                "letters, digits, _ and -"
            )
        if name in columns[:position]:
            raise UserError(f"data set {root}: the first line of manifest.csv names the column {name} twice")


def _numbered(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in reader:
        yield reader.line_num, line


def _spell(root: Path, line: dict[str, Any]) -> None:
    """Replace file names that do not exist by their spelling in the file system."""
    for column in ("image", "mask"):
        name = line.get(column)
        if isinstance(name, str) and name.isprintable() and not _leaves(root, name):
            line[column] = spelled(root, name) or name


def _row(line: dict[str, str]) -> Row:
    tags = tuple(sorted((name, value) for name, value in line.items() if name not in COLUMNS and value))
    return Row(**{name: line[name] for name in COLUMNS}, tags=tags)


def _line_faults(root: Path, where: str, line: dict[str, Any], columns: Sequence[str]) -> list[Fault]:
    if set(line) != set(columns) or any(value is None for value in line.values()):
        return [Fault(where=where, what=f"must have {len(columns)} fields")]
    faults = []
    for column, value in line.items():
        if printable(value) != value:
            return [Fault(where=where, what=f"{column} {value!r} holds a control character")]
        if value != value.strip():
            faults.append(Fault(where=where, what=f"{column} {value!r} begins or ends with a space"))
    for column in ("image", "mask"):
        if not line[column]:
            faults.append(Fault(where=where, what=f"{column} is empty"))
        elif _leaves(root, line[column]):
            faults.append(Fault(where=where, what=f"{column} {line[column]!r} leaves the data-set folder"))
    if line["domain"] not in _DOMAINS:
        faults.append(Fault(where=where, what=f"domain must be real or synthetic, but got {line['domain']!r}"))
    if line["split"] not in _SPLITS:
        faults.append(Fault(where=where, what=f"split must be train, test or empty, but got {line['split']!r}"))
    return faults


def _leaves(root: Path, name: str) -> bool:
    pure = PurePosixPath(name)
    if "\\" in name or pure.is_absolute() or ".." in pure.parts:
        return True
    # A symbolic link inside the folder may still point out of it.
    return not (root / name).resolve().is_relative_to(root.resolve())
