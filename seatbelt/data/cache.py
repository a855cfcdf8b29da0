"""The decoded cache: one resized uint8 copy of a data set per node, memory-mapped by every trial there.

Images are stored as (N, H, W, 3) and masks as (N, H, W), at the training resolution. A cache is built in a
temporary folder under a file lock and renamed when it is whole, so that nobody sees a part of one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from seatbelt.data.dataset import DataSet, decode

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A data set at the training resolution; both arrays are read-only memory maps."""

    images: NDArray[np.uint8]
    """(N, H, W, 3), RGB."""
    masks: NDArray[np.uint8]
    """(N, H, W), class indices."""


def cache_folder() -> Path:
    """Return where caches of this node lie: SEATBELT_CACHE, or the user's cache folder."""
    base = os.environ.get("SEATBELT_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatbelt"


def open_decoded(
    dataset: DataSet,
    fingerprint: str,
    *,
    height: int,
    width: int,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Decoded:
    """Open the decoded copy of a data set, building it first if this node has none.

    Args:
        dataset: The data set.
        fingerprint: Its content hash: a changed data set gets a new cache.
        height: Training resolution in pixels.
        width: Training resolution in pixels.
        threads: Threads that decode while building.
        progress: Called with the number of images decoded and their total.

    Raises:
        UserError: An image or mask cannot be decoded.
    """
    folder = cache_folder() / "decoded" / f"{fingerprint[:32]}-{height}x{width}"
    if not (folder / "complete.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "complete.json").exists():
                _build(dataset, folder, height, width, threads, progress)
    return Decoded(
        images=np.load(folder / "images.npy", mmap_mode="r"),
        masks=np.load(folder / "masks.npy", mmap_mode="r"),
    )


def resize(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return image (H, W, 3) and mask (H, W) at the training resolution; masks by nearest neighbour."""
    if image.shape[:2] == (height, width):
        return image, mask
    shrinks = image.shape[0] > height or image.shape[1] > width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=interpolation)
    labels = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8), np.asarray(labels, np.uint8)


def _build(
    dataset: DataSet,
    folder: Path,
    height: int,
    width: int,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    # What a killed builder left behind is removed by the next one, which holds the lock.
    for left in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    part = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    part.mkdir()
    count = len(dataset.rows)
    images = np.lib.format.open_memmap(part / "images.npy", "w+", np.uint8, (count, height, width, 3))
    masks = np.lib.format.open_memmap(part / "masks.npy", "w+", np.uint8, (count, height, width))

    def store(index: int) -> None:
        images[index], masks[index] = resize(*decode(dataset, dataset.rows[index]), height, width)

    try:
        with ThreadPoolExecutor(max(1, threads)) as pool:
            for done, _ in enumerate(pool.map(store, range(count)), start=1):
                if progress:
                    progress(done, count)
        images.flush()
        masks.flush()
        described = {"format": _FORMAT, "dataset": dataset.name, "images": count}
        (part / "complete.json").write_text(json.dumps(described), encoding="utf-8")
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
