"""The options that assign values to names, `--set NAME=LEVEL,LEVEL`, as mappings."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runners.new_sweep.space_options import split_levels
from seatbelt.errors import UserError

ASSIGNMENTS = {
    "vary": "names to levels, such as encoder: [resnet18, resnet34]",
    "fix": "names to values, such as weights: none",
    "levels": "names to numbers of levels, such as decoder_learning_rate: 5",
}
"""Field of a request that is written as a mapping -> what it maps."""


def assignment_texts(field: str, key: str, value: object) -> tuple[str, ...]:
    """Return the texts `NAME=VALUE` of a mapping.

    Args:
        field: One of `ASSIGNMENTS`.
        key: How the user calls it.
        value: The mapping. A single text of `vary` is read as on the command line, where commas separate levels;
            each item of a list is one level.

    Raises:
        UserError: The value is no mapping of names to texts, numbers and booleans.
    """
    if not isinstance(value, Mapping):
        raise UserError(f"{key} maps {ASSIGNMENTS[field]}, but got {value!r:.80}")
    texts = []
    for name, levels in value.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise UserError(f"{key} maps {ASSIGNMENTS[field]}, but got the name {name!r:.80}")
        place = f"{key}: {name}"
        if field == "vary" and isinstance(levels, Iterable) and not isinstance(levels, str | bytes | Mapping):
            items = [_escaped(place, _text(place, level)) for level in levels]
            if not items:
                raise UserError(f"{place} takes at least one level, but got an empty list")
            texts.append(f"{name}={','.join(items)}")
        else:
            texts.append(f"{name}={_text(place, levels)}")
    return tuple(texts)


def assignment_mapping(option: str, field: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return texts `NAME=VALUE` as the mapping that `assignment_texts` takes.

    Args:
        option: How the user calls it.
        field: One of `ASSIGNMENTS`.
        texts: The texts.

    Raises:
        UserError: A text has another form, or names something twice.
    """
    mapping: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{option} takes NAME=VALUE, but got {text!r}")
        if name in mapping:
            raise UserError(f"{option} {name}=... is given twice; use one of them")
        levels = split_levels(value) if field == "vary" else [value]
        mapping[name] = levels if len(levels) > 1 or levels != [value] else value
    return mapping


def _text(place: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, numbers.Real):
        return str(value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise UserError(f"{place} takes a text, a number, true or false, but got {value!r:.80}")
    return value


def _escaped(place: str, level: str) -> str:
    if level.endswith("\\") or "\\," in level:
        raise UserError(f"{place}: the level {level!r} has a backslash before a comma or at its end; rename it")
    return level.replace(",", "\\,")
