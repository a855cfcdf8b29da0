"""Checks of the plain values that a study is written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seatbelt.errors import UserError


def check_text(field: str, value: object) -> None:
    """Refuse anything but a text that is not empty.

    Raises:
        UserError: The value is something else.
    """
    if not isinstance(value, str) or not value.strip():
        raise _refusal(field, "a text", value)


def check_count(field: str, value: object) -> None:
    """Refuse anything but a whole number from 1.

    Raises:
        UserError: The value is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _refusal(field, "a whole number from 1", value)


def check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse anything but one of some texts.

    Raises:
        UserError: The value is something else.
    """
    if value not in choices:
        raise _refusal(field, f"one of {', '.join(choices)}", value)


def check_kind(field: str, value: object, kind: type) -> None:
    """Refuse anything but a record of one kind.

    Raises:
        UserError: The value is something else.
    """
    if not isinstance(value, kind):
        raise _refusal(field, f"a {kind.__name__}", value)


def check_mapping(field: str, value: object, what: str) -> None:
    """Refuse anything but a mapping whose keys are texts.

    Args:
        field: Name of the field.
        value: Its value.
        what: What it maps, such as `fields to values`.

    Raises:
        UserError: The value is something else.
    """
    if not isinstance(value, Mapping):
        raise UserError(f"{field} must map {what}, but is a {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise UserError(f"{field} must map {what}, but has the key {key!r:.80}, a {type(key).__name__}")


def check_items(field: str, items: Iterable[Any], kind: type, advice: str) -> None:
    """Refuse anything but a list or tuple of one kind of record.

    Raises:
        UserError: The value is something else.
    """
    if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
        raise UserError(f"{field} must be a tuple of {kind.__name__}, but is a {type(items).__name__}; {advice}")
    for item in items:
        if not isinstance(item, kind):
            raise UserError(
                f"{field} must hold {kind.__name__} records, but holds {item!r:.80}, a {type(item).__name__}; {advice}"
            )


def _refusal(field: str, allowed: str, value: object) -> UserError:
    return UserError(f"{field} takes {allowed}, but got {value!r:.80}")
