"""`manifest.csv` of a data-set folder: one line per image, six fixed columns and any further ones as tags.

Nothing that is written in it is trusted; every fault is named by its line.
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
"""The columns that every manifest begins with."""

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
    """Further columns and their values, without the empty ones: what the image shows, such as (seat, empty)."""

    def tag(self, name: str) -> str | None:
        """Return the value of a tag; None where the manifest does not say."""
        return next((value for key, value in self.tags if key == name), None)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong with a data set: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def read_manifest(root: Path) -> tuple[list[Row], list[Fault]]:
    """Return the sound lines of a folder's manifest, and what is wrong with the others.

    Raises:
        UserError: The file is missing, is no CSV, or its first line does not name the columns.
    """
    path = root / "manifest.csv"
    if path.exists() and not lies_in(root, path.name):
        raise UserError(f"data set {root}: manifest.csv is no file of this folder; put the file itself there")
    try:
        # Spreadsheets begin their CSV files with a byte order mark.
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
    seen: dict[str, int] = {}
    for number, line in lines:
        where = f"manifest.csv line {number}"
        found = _line_faults(root, where, line, columns)
        if not found:
            image = str(PurePosixPath(line["image"]))
            if image in seen:
                found = [Fault(where=where, what=f"{image} is listed in line {seen[image]} already")]
            seen.setdefault(image, number)
        faults += found
        if not found:
            rows.append(_row(line))
    return rows, faults


def lies_in(root: Path, name: str) -> bool:
    """Return whether a name is a file below a folder, also when links are followed; pipes and devices are none."""
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
    """Put names of files as the file system spells them, where it has none as they are written."""
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
