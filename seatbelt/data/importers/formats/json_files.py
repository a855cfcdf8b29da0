"""Reading JSON that nobody vouches for: every value is asked for by its kind."""

from __future__ import annotations

import json
from pathlib import Path

from seatbelt.data.importers.frames import BadFile, shown

Record = dict[str, object]


def load_record(path: Path, where: str) -> Record:
    """Return the object that a JSON file holds.

    Raises:
        BadFile: The file is missing, damaged or holds something else.
    """
    try:
        if not path.is_file():
            raise BadFile(where, "is no file" if path.exists() else "the file is missing")
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(where, f"cannot be read as JSON ({reason})") from None
    if not isinstance(raw, dict):
        raise BadFile(where, "must hold a JSON object")
    return raw


def records(parent: Record, key: str, where: str, *, required: bool = False) -> list[Record]:
    """Return a list of objects; a missing or null one is empty unless it is required."""
    value = parent.get(key)
    if value is None and not required:
        return []
    if key not in parent:
        raise BadFile(where, f"has no {key}")
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise BadFile(where, f"{key} must be a list of objects")
    return value


def whole_number(parent: Record, key: str, where: str) -> int:
    """Return a whole number; 640.0 is one."""
    value = parent.get(key)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise BadFile(where, f"{key} must be a whole number, but got {shown(value)}")
    return value


def identifier(parent: Record, key: str, where: str) -> int | str:
    """Return an id: a whole number or a text.

    Tools write the same id as 2, 2.0 and "2"; all of them are the number.
    """
    value = parent.get(key)
    if type(value) is float and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and value == str(int(value[:18])):
        return int(value)
    if type(value) is int or isinstance(value, str):
        return value
    raise BadFile(where, f"{key} must be a number or a text, but got {shown(value)}")


def text(parent: Record, key: str) -> str:
    """Return a text, empty when there is none."""
    value = parent.get(key)
    return value if isinstance(value, str) else ""
