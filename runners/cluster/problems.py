"""Problems of a cluster file, and typed access to its plain values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem of a file."""

    severity: Literal["error", "warning"]
    place: str
    """Dotted path in the file."""
    what: str
    advice: str
    """Advice."""


def error(place: str, what: str, advice: str) -> Problem:
    """Return a problem that makes a file invalid."""
    return Problem(severity="error", place=place, what=what, advice=advice)


def warning(place: str, what: str, advice: str) -> Problem:
    """Return a problem that may be intended."""
    return Problem(severity="warning", place=place, what=what, advice=advice)


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever the file holds)
    """Return a value as a mapping; empty if it is something else."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:  # noqa: ANN401
    """Return a value as a list; empty if it is something else."""
    return value if isinstance(value, list) else []


def commands(document: dict[str, Any], *keys: str) -> Iterator[tuple[str, str]]:
    """Yield place and text of the shell commands under the keys."""
    for key in keys:
        for index, text in enumerate(items(document.get(key))):
            if isinstance(text, str):
                yield f"{key}.{index}", text


def unknown_keys(place: str, keys: Iterable[str], allowed: Iterable[str]) -> Iterator[Problem]:
    """Yield an error for each key that is not allowed, with the nearest allowed name."""
    names = sorted(allowed)
    for key in sorted(set(map(str, keys)) - set(names)):
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
        advice = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(names)}"
        yield error(f"{place}.{key}" if place else key, f"there is no key {key!r}", advice)
