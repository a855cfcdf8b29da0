"""Notation of labels and generations, and their canonical form.

A label is one class or several merged classes, `shirt|jacket`. It may have a name, `upper=shirt|jacket`, which only
labels the level of a factor: the configuration holds the classes alone, so that one label under two names is one arm.
A generation may have a share of the synthetic images, `3:0.2`. A tag is an extra column of a manifest; the share of
images with one of its values is written `seat=empty:0.2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

ALL = "all"
"""Context that means every class of the data except the target; a sweep resolves it at its start."""


_LEAST_SIDE = 32
"""Smallest side of a training image, pixels."""

TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Pattern of a tag's name, which can be part of the name of an axis."""


def canonical_label(text: str) -> str:
    """Return a label without its name, with sorted and unique classes.

    Raises:
        ValueError: An empty class or name, or several names.
    """
    name, equals, merged = text.rpartition("=")
    classes = [part.strip() for part in merged.split("|")]
    if "" in classes or "=" in name or bool(equals) != bool(name.strip()):
        raise ValueError(f"a label is CLASS, CLASS|CLASS or NAME=CLASS|CLASS, but got {text!r}")
    return "|".join(sorted(set(classes)))


def classes_of(label: str) -> tuple[str, ...]:
    """Return the classes of a canonical label."""
    return tuple(label.split("|"))


def canonical_generation(text: str) -> str:
    """Return a generation with its share, if it has one, in the shortest decimal form.

    Raises:
        ValueError: The share is not a number above 0 and up to 1.
    """
    name, share = _split(text)
    return name if share is None else f"{name}:{Decimal(repr(share)):f}"


def generation_names(generations: Iterable[str]) -> tuple[str, ...]:
    """Return the names without the shares."""
    return tuple(_split(text)[0] for text in generations)


def generation_shares(generations: Iterable[str]) -> dict[str, float] | None:
    """Return the share of each generation among the synthetic images, None without shares.

    Raises:
        ValueError: Only some have shares, a generation is named twice, or the shares do not add up to 1.
    """
    pairs = [_split(text) for text in generations]
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a generation is named twice in {'+'.join(names)}")
    shares = {name: share for name, share in pairs if share is not None}
    if not shares:
        return None
    if len(shares) < len(pairs):
        raise ValueError(f"either all generations have a share or none, but got {'+'.join(generations)}")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"the shares of the generations must add up to 1, but {'+'.join(generations)} do not")
    return shares


def _split(text: str) -> tuple[str, float | None]:
    name, colon, number = text.partition(":")
    if not colon:
        return text, None
    name, number = name.strip(), number.strip()
    if not name or not re.fullmatch(r"\d*\.?\d+", number, re.ASCII) or not 0 < float(number) <= 1:
        raise ValueError(f"the share of a generation is written 3:0.2, above 0 and up to 1, but got {text!r}")
    return name, float(number)


def parse_crop(text: str) -> tuple[int, int]:
    """Return height and width of a crop written `192x256`.

    Raises:
        ValueError: It has another form, or a side below 32 pixels.
    """
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text.strip(), re.ASCII)
    if match is None or min(int(match[1]), int(match[2])) < _LEAST_SIDE:
        raise ValueError(f"a size is HEIGHTxWIDTH such as 192x256, both from {_LEAST_SIDE} pixels, but got {text!r}")
    return int(match[1]), int(match[2])


def plain_name(name: str) -> str:
    """Return a name in lower case without spaces, dashes and underscores; `+` becomes `plus`."""
    return re.sub(r"[\s_-]", "", name.lower().replace("+", "plus"))
