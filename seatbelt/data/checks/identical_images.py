"""Identical images under different names, which are a leak between different parts of a trial.

The comparison uses decoded pixels, so that it recognises copies in another lossless format. It ignores images of a
single colour, which show nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError

_SAMPLED_ROWS = 4


def content_key(pixels: NDArray[np.uint8]) -> int | None:
    """Return a hash of an image (H, W, 3), None if it has a single colour."""
    if (pixels == pixels[0, 0]).all():
        return None
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=12)
    digest.update(pixels.tobytes())
    return int.from_bytes(digest.digest())


def check_no_image_in_two_parts(
    data: SweepData, decoded: tuple[Decoded, ...], parts: Mapping[str, Iterable[Sample]]
) -> None:
    """Refuse identical images in different parts of a sweep.

    Args:
        data: The data of the sweep.
        decoded: Its data sets at one training resolution.
        parts: `training`, `selection` and `test` -> their images over all arms.

    Raises:
        UserError: Two images are identical; the message names the first pair.
    """
    part_of = {sample: part for part, samples in parts.items() for sample in samples}
    alike: dict[bytes, list[Sample]] = defaultdict(list)
    for sample in sorted(part_of):
        alike[_quick_key(_pixels(decoded, sample))].append(sample)
    pairs = []
    for samples in alike.values():
        if len({part_of[sample] for sample in samples}) > 1:
            pairs += _pairs(decoded, samples, part_of)
    if not pairs:
        return
    first, second = pairs[0]
    more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    raise UserError(
        f"{data.name_of(first)} ({part_of[first]}) and {data.name_of(second)} ({part_of[second]}) are the same "
        f"picture{more}, so that arms would be scored on images that they were trained on or chosen by; remove one "
        "from manifest.csv, or give both the same subject and split"
    )


def _pairs(
    decoded: tuple[Decoded, ...], samples: list[Sample], part_of: dict[Sample, str]
) -> list[tuple[Sample, Sample]]:
    by_content: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        key = content_key(_pixels(decoded, sample))
        if key is not None:
            by_content[key].append(sample)
    return [
        (same[0], other) for same in by_content.values() for other in same[1:] if part_of[other] != part_of[same[0]]
    ]


def _pixels(decoded: tuple[Decoded, ...], sample: Sample) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = decoded[sample[0]].images[sample[1]]
    return pixels


def _quick_key(pixels: NDArray[np.uint8]) -> bytes:
    """Return a hash of a few rows of an image. Most images differ there and need not be read completely."""
    rows = np.linspace(0, len(pixels) - 1, _SAMPLED_ROWS).astype(int)
    return hashlib.blake2b(pixels[rows].tobytes(), digest_size=16).digest()
