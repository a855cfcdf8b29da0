"""How labels and generations are written, and the one form in which they are kept.

A label is one class or several merged ones, `shirt|jacket`. It may be given a name, `upper=shirt|jacket`, for
readers of a factor's levels: the configuration keeps the classes alone, so that one label under two names is
one arm. A generation may be given its share of the synthetic images, `3:0.2`. A tag is a further column of a
manifest; a share of the images with one of its values is written `seat=empty:0.2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

ALL = "all"
"""Context that stands for every class of the data but the target's; a sweep resolves it when it starts."""


TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Names of tags, so that they can be part of an axis' name."""


def canonical_label(text: str) -> str:
    """Return a label without its name, its classes sorted and each written once.

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
    """Return a generation with its share, if it has one, as the shortest plain text of that number.

    Raises:
        ValueError: The share is no number above 0 and up to 1.
    """
    name, share = _split(text)
    return name if share is None else f"{name}:{Decimal(repr(share)):f}"


def generation_names(generations: Iterable[str]) -> tuple[str, ...]:
    """Return the names without the shares."""
    return tuple(_split(text)[0] for text in generations)


def generation_shares(generations: Iterable[str]) -> dict[str, float] | None:
    """Return the share of each generation among the synthetic images; None if none is given.

    Raises:
        ValueError: Only some have shares, a generation is named twice, or the shares do not add up to 1.
    """
    pairs = [_split(text) for text in generations]
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a generation is named twice in {'+'.join(names)}")
    given = {name: share for name, share in pairs if share is not None}
    if not given:
        return None
    if len(given) < len(pairs):
        raise ValueError(f"either all generations have a share or none, but got {'+'.join(generations)}")
    if abs(sum(given.values()) - 1) > 1e-6:
        raise ValueError(f"the shares of the generations must add up to 1, but {'+'.join(generations)} do not")
    return given


def _split(text: str) -> tuple[str, float | None]:
    name, colon, number = text.partition(":")
    if not colon:
        return text, None
    name, number = name.strip(), number.strip()
    if not name or not re.fullmatch(r"\d*\.?\d+", number, re.ASCII) or not 0 < float(number) <= 1:
        raise ValueError(f"a generation's share is written 3:0.2, above 0 and up to 1, but got {text!r}")
    return name, float(number)


def plain_name(name: str) -> str:
    """Return a name in lower case without spaces, dashes and underscores; `+` is `plus`."""
    return re.sub(r"[\s_-]", "", name.lower().replace("+", "plus"))
