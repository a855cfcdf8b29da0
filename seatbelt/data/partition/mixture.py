"""The synthetic images of a trial: their number, their generations and their parts.

The real images of a mixture are constant and synthetic ones are added (thesis 3.3.5). Numbers are exact: they count the
training and validation part together, as in table 3.5, also with repeated images.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seatbelt.config.data import DataConfig
from seatbelt.config.notation import generation_shares
from seatbelt.data.partition.composition import Image, TagOf, stratify
from seatbelt.errors import UserError

_HELD, _DRAWN = 2, 3
"""Purposes of random streams: the choice of the validation images, and the choice of the images in use."""


def no_tags(image: Image, tag: str) -> str | None:
    """Return None, for images without tags."""


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """The synthetic images of a trial. Images may repeat, but none is in both parts."""

    train: tuple[Image, ...]
    validation: tuple[Image, ...]


def mixed_count(real: int, share: float) -> int:
    """Return the number of synthetic images for a share of all images (table 3.5: 341 real, share 0.9 -> 3069)."""
    # 341 / (1 - 0.6) is 852.5, which the thesis rounds up.
    return math.floor(real / (1 - share) + 0.5 + 1e-9) - real


def draw(
    pools: Mapping[str, list[Image]], real: int, config: DataConfig, *, seed: int, tag_of: TagOf = no_tags
) -> Synthetic:
    """Draw the synthetic images of a trial.

    Without shares all images are drawn. A synthetic share or a number sets how many; shares of generations or tags
    alone take as many as these proportions allow. Images repeat only if there are too few of them and
    `config.replacement` allows it; then the frequencies of images differ by at most one.

    With one seed, the images of a smaller share are a subset of those of a larger share, unless they repeat.

    Args:
        pools: Generation -> available images.
        real: Number of real images in the mixture.
        config: The shares, whether images may repeat, and the share of the validation part.
        seed: Seed of all draws.
        tag_of: The value of an image's tag.

    Raises:
        UserError: There are too few images, and they may not repeat.
    """
    pools, shares = _with_shares(pools, config, tag_of)
    counts = _counts(pools, shares, real, config)
    held = _held(counts, config)
    train: list[Image] = []
    validation: list[Image] = []
    for name, count in counts.items():
        pool = sorted(pools[name])
        if count > len(pool) and not (config.replacement and pool):
            raise _too_few(name, count, len(pool), real, config)
        parts = _split(pool, count, held[name], _streams(seed, name))
        train += parts[0]
        validation += parts[1]
    return Synthetic(train=tuple(sorted(train)), validation=tuple(sorted(validation)))


def most_images(pools: Mapping[str, list[Image]], config: DataConfig, tag_of: TagOf = no_tags) -> int:
    """Return the largest number of synthetic images that can have the shares of a configuration.

    Raises:
        UserError: A stratum with a share has no images.
    """
    pools, shares = _with_shares(pools, config, tag_of)
    return sum(_counts(pools, shares, 0, config.model_copy(update={"synthetic_images": None})).values())


def _with_shares(
    pools: Mapping[str, list[Image]], config: DataConfig, tag_of: TagOf
) -> tuple[Mapping[str, list[Image]], Mapping[str, float] | None]:
    shares = generation_shares(config.generations)
    if config.composition:
        return stratify(pools, shares, config.composition, tag_of)
    if shares is None:
        # Not per generation, as in the thesis, which adds images from one pool.
        return {"": [image for pool in pools.values() for image in pool]}, None
    return pools, shares


def _counts(
    pools: Mapping[str, list[Image]], shares: Mapping[str, float] | None, real: int, config: DataConfig
) -> dict[str, int]:
    total = config.synthetic_images
    if config.synthetic_share is not None:
        total = mixed_count(real, config.synthetic_share)
    if shares is None:
        return {"": len(pools[""]) if total is None else total}
    available = {name: len(pools[name]) for name in shares}
    if total is None and config.composition:
        for name, count in available.items():
            if not count:
                raise _too_few(name, 1, 0, real, config)
    return apportion(shares, _most(shares, available, config) if total is None else total)


def _held(counts: Mapping[str, int], config: DataConfig) -> dict[str, int]:
    """Return the number of validation images of each pool."""
    total = sum(counts.values())
    if config.composition and total:
        # With many small strata, rounding each would give arms with equal totals different training sizes.
        held = _at_least_one(round(config.validation_share * total), total, config)
        return apportion({name: count / total for name, count in counts.items()}, held)
    return {
        name: _at_least_one(round(config.validation_share * count), count, config) for name, count in counts.items()
    }


def _at_least_one(held: int, count: int, config: DataConfig) -> int:
    # Otherwise the schedule would follow the real images of the selection set.
    return 1 if not held and not config.real and count > 2 else held


def apportion(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Divide a number of images by shares that add up to 1; the largest remainders are rounded up."""
    exact = {name: share * total for name, share in shares.items()}
    counts = {name: math.floor(value + 1e-9) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _most(shares: Mapping[str, float], available: Mapping[str, int], config: DataConfig) -> int:
    """Return the largest number of images with these shares; the number of all images if they may repeat."""
    if config.replacement:
        return sum(available.values())
    return min(math.floor(available[name] / share + 1e-9) for name, share in shares.items())


def _streams(seed: int, name: str) -> tuple[np.random.Generator, np.random.Generator]:
    # By name, so that the images of a generation do not depend on the other generations.
    key = zlib.crc32(name.encode())
    return np.random.default_rng([seed, _DRAWN, key]), np.random.default_rng([seed, _HELD, key])


def _split(
    pool: list[Image], count: int, held: int, streams: tuple[np.random.Generator, np.random.Generator]
) -> tuple[list[Image], list[Image]]:
    """Return `count` images of a pool in two disjoint parts, the second with `held` of them."""
    order = streams[0].permutation(len(pool))
    if count <= len(pool):
        chosen = [pool[i] for i in sorted(order[:count])]
        places = streams[1].permutation(count)
        return [chosen[i] for i in places[held:]], [chosen[i] for i in places[:held]]
    # The images are divided before they repeat; a single image cannot be divided.
    border = min(max(1, round(held / count * len(pool))), len(pool) - 1) if held else 0
    held = held if border else 0
    images = [pool[i] for i in order]
    return _repeat(images[border:], count - held), _repeat(images[:border], held)


def _repeat(images: list[Image], count: int) -> list[Image]:
    return [images[i % len(images)] for i in range(count)]


def _too_few(name: str, count: int, available: int, real: int, config: DataConfig) -> UserError:
    what = "synthetic images" if not name else f"images of generation {name}"
    lever = "synthetic_share" if config.synthetic_images is None else "synthetic_images"
    instead = f"add images or lower {lever}"
    if config.composition:
        what, instead = f"synthetic images {name}", f"add images, change the shares or lower {lever}"
    if not available:
        also = " or change the shares" if config.composition else ""
        return UserError(f"no {what} are left beside those of the selection set; add images{also}")
    if config.synthetic_share is not None:
        request = f"a synthetic share of {config.synthetic_share:g} beside {real} real images"
    else:
        request = f"synthetic_images={config.synthetic_images}"
    if config.composition:
        request += f" with {'+'.join(map(str, config.composition))}"
    return UserError(
        f"{request} needs {count} {what}, but there are {available}; {instead}, or let images repeat by "
        "--fix replacement=true"
    )
