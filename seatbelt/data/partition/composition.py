"""Strata of synthetic images by their tags, from which the shares of a composition are drawn.

A tag divides the images into one part for each value in the composition and one part for all other values. The shares
of different tags are independent: the share of a stratum is the product of the shares of its parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seatbelt.config.data import TagShare

Image = tuple[int, int]
"""A `seatbelt.data.partition.splits.Sample`."""

TagOf = Callable[[Image, str], str | None]
"""An image and the name of a tag -> its value, None if the manifest has none."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One part of one tag: a value of the composition, or all other values."""

    tag: str
    share: float
    value: str | None
    named: tuple[str, ...]

    def holds(self, value: str | None) -> bool:
        if value is None:
            return False
        return value not in self.named if self.value is None else value == self.value

    def __str__(self) -> str:
        return f"{self.tag} not {' or '.join(self.named)}" if self.value is None else f"{self.tag}={self.value}"


def stratify(
    pools: Mapping[str, list[Image]],
    shares: Mapping[str, float] | None,
    composition: Sequence[TagShare],
    tag_of: TagOf,
) -> tuple[dict[str, list[Image]], dict[str, float]]:
    """Divide images into strata; images without a value for a tag are in none.

    Args:
        pools: Generation -> images.
        shares: Generation -> its share; None if they are one pool.
        composition: Shares of the values of tags.
        tag_of: The value of an image's tag.

    Returns:
        Name of a stratum -> its images, and name -> its share. A name describes the images, such as `with seat=empty`.
        Strata with a share of 0 are left out.
    """
    groups = {"": [image for pool in pools.values() for image in pool]} if shares is None else dict(pools)
    strata: dict[str, list[Image]] = {}
    stratum_shares: dict[str, float] = {}
    for group, images in groups.items():
        share = 1.0 if shares is None else shares[group]
        for chosen in itertools.product(*_parts(composition)):
            # The name is also the key of the stratum's random stream.
            name = f"{f'of generation {group} ' if group else ''}with {', '.join(map(str, chosen))}"
            stratum_shares[name] = share
            for part in chosen:
                stratum_shares[name] *= part.share
            strata[name] = [image for image in images if all(p.holds(tag_of(image, p.tag)) for p in chosen)]
    return strata, stratum_shares


def _parts(composition: Sequence[TagShare]) -> list[list[_Part]]:
    by_tag: dict[str, list[TagShare]] = {}
    for item in composition:
        by_tag.setdefault(item.tag, []).append(item)
    return [[part for part in _parts_of(tag, items) if part.share > 1e-9] for tag, items in by_tag.items()]


def _parts_of(tag: str, items: list[TagShare]) -> list[_Part]:
    named = tuple(item.value for item in items)
    parts = [_Part(tag=tag, share=item.share, value=item.value, named=named) for item in items]
    return [*parts, _Part(tag=tag, share=1 - sum(item.share for item in items), value=None, named=named)]
