"""Reading untrusted JSON: every value is checked by its type."""

from __future__ import annotations

import json
from pathlib import Path

from seatbelt.data.importers.frames import BadFileError, quoted

Record = dict[str, object]


def load_record(path: Path, where: str) -> Record:
    """Return the object in a JSON file.

    Raises:
        BadFileError: The file is missing, damaged or no JSON object.
    """
    try:
        if not path.is_file():
            raise BadFileError(where, "is no file" if path.exists() else "the file is missing")
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFileError(where, f"cannot be read as JSON ({reason})") from None
    if not isinstance(raw, dict):
        raise BadFileError(where, "must hold a JSON object")
    return raw


def records(parent: Record, key: str, where: str, *, required: bool = False) -> list[Record]:
    """Return a list of objects; a missing or null list is empty unless it is required."""
    value = parent.get(key)
    if value is None and not required:
        return []
    if key not in parent:
        raise BadFileError(where, f"has no {key}")
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise BadFileError(where, f"{key} must be a list of objects")
    return value


def whole_number(parent: Record, key: str, where: str) -> int:
    """Return a whole number; 640.0 counts as one."""
    value = parent.get(key)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise BadFileError(where, f"{key} must be a whole number, but got {quoted(value)}")
    return value


def identifier(parent: Record, key: str, where: str) -> int | str:
    """Return an id: a whole number or a text.

    Tools write the same id as 2, 2.0 or "2"; all of them become the number.
    """
    value = parent.get(key)
    if type(value) is float and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and value == str(int(value[:18])):
        return int(value)
    if type(value) is int or isinstance(value, str):
        return value
    raise BadFileError(where, f"{key} must be a number or a text, but got {quoted(value)}")


def text(parent: Record, key: str) -> str:
    """Return a text, empty if there is none."""
    value = parent.get(key)
    return value if isinstance(value, str) else ""
