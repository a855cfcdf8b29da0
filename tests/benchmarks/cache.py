"""The decoded cache against decoding each epoch."""

from __future__ import annotations

import time
from pathlib import Path

from seatbelt.data.datasets.dataset import decode, fingerprint, read
from seatbelt.data.loading.decoded_cache import open_decoded, resize
from tests.conftest import draw_data

HEIGHT, WIDTH = 120, 212


def measure(folder: Path) -> list[str]:
    """Read every image and mask of a data set of 848x480 PNG files at the training resolution, three times."""
    root = draw_data(
        folder / "data",
        "stripes",
        subjects=40,
        images=2,
        test_subjects=8,
        generations={},
        height=480,
        width=848,
    )
    dataset = read(root)
    started = time.perf_counter()
    decoded = open_decoded(dataset, fingerprint(dataset), height=HEIGHT, width=WIDTH)
    built = time.perf_counter() - started
    cached = min(
        _seconds(lambda: [(i.copy(), m.copy()) for i, m in zip(decoded.images, decoded.masks, strict=True)])
        for _ in range(3)
    )
    each = min(
        _seconds(lambda: [resize(*decode(dataset, row), HEIGHT, WIDTH) for row in dataset.rows]) for _ in range(3)
    )
    count = len(dataset.rows)
    return [
        f"{count} images: decoded each epoch {1000 * each / count:.2f} ms per image, "
        f"from the cache {1000 * cached / count:.3f} ms: {each / cached:.0f} x",
        f"building the cache once took {built:.1f} s, {built / each:.2f} x one epoch of decoding",
    ]


def _seconds(work: object) -> float:
    assert callable(work)
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
