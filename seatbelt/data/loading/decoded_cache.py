"""The decoded cache: one resized uint8 copy of a data set per node, memory-mapped by all trials there.

Images are stored as (N, H, W, 3) and masks as (N, H, W), at the training resolution. A cache is built in a temporary
folder under a file lock and renamed when it is complete, so that readers never see a partial one.
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

from seatbelt.data.datasets.dataset import DataSet, decode
from seatbelt.data.datasets.dataset import fingerprint as content_fingerprint
from seatbelt.errors import UserError
from seatbelt.machine.cache_folder import cache_folder

_FORMAT = 2
"""Version of the pixels: 2 turns images upright according to EXIF and converts colour profiles."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A data set at the training resolution; both arrays are read-only memory maps."""

    images: NDArray[np.uint8]
    """(N, H, W, 3), RGB."""
    masks: NDArray[np.uint8]
    """(N, H, W), class indices."""


def open_decoded(
    dataset: DataSet,
    fingerprint: str,
    *,
    height: int,
    width: int,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Decoded:
    """Open the decoded copy of a data set, building it first if this node has none.

    Args:
        dataset: The data set.
        fingerprint: Content hash of the data set at the start of the sweep; a changed data set gets a new cache.
        height: Training resolution in pixels.
        width: Training resolution in pixels.
        threads: Number of decoding threads; None for one per core.
        progress: Called with the number of images decoded and their total.

    Raises:
        UserError: An image or mask cannot be decoded, the data set does not match the fingerprint, or there is no
            space for the cache.
    """
    folder = cache_folder() / "decoded" / f"{fingerprint[:32]}-{height}x{width}-{_FORMAT}"
    shape = (len(dataset.rows), height, width)
    decoded = _open(folder, shape)
    if decoded is not None:
        return decoded
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            decoded = _open(folder, shape)
            if decoded is None:
                _check_unchanged(dataset, fingerprint)
                _build(dataset, folder, height, width, threads or os.cpu_count() or 1, progress)
                decoded = _open(folder, shape)
    except OSError as error:
        raise UserError(
            f"the decoded cache {folder.parent} cannot be written ({error.strerror or error}); set the "
            "variable SEATBELT_CACHE to a writable folder"
        ) from None
    if decoded is None:
        raise UserError(f"the decoded cache {folder} cannot be read although it was just built; check its disk")
    return decoded


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


def _open(folder: Path, shape: tuple[int, int, int]) -> Decoded | None:
    """Return a complete cache, None if it is missing or damaged (for example by a cleaner of old files)."""
    if not (folder / "complete.json").exists():
        return None
    try:
        images = np.lib.format.open_memmap(folder / "images.npy", mode="r")
        masks = np.lib.format.open_memmap(folder / "masks.npy", mode="r")
    except (OSError, ValueError, EOFError):
        return None
    if images.dtype != np.uint8 or masks.dtype != np.uint8:
        return None
    if images.shape != (*shape, 3) or masks.shape != shape:
        return None
    return Decoded(images=images, masks=masks)


def _check_unchanged(dataset: DataSet, fingerprint: str) -> None:
    # Another node may have another copy of the data, whose numbers would be recorded under this fingerprint.
    digest = content_fingerprint(dataset)
    if digest != fingerprint:
        raise UserError(
            f"data set {dataset.root}: it changed since the sweep began (fingerprint {digest[:12]}, not "
            f"{fingerprint[:12]}); restore the data, or start another sweep"
        )


def _build(
    dataset: DataSet,
    folder: Path,
    height: int,
    width: int,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    # Remove the remains of killed builders; the lock is held.
    for left in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    _check_space(folder.parent, len(dataset.rows) * height * width * 4)
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


def _check_space(place: Path, needed: int) -> None:
    # Writing to a memory map on a full disk does not raise: it kills the process (SIGBUS).
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UserError(
            f"the decoded cache needs {needed / 1e9:.1f} GB, but {place} has {free / 1e9:.1f} GB left; set "
            "the variable SEATBELT_CACHE to another folder, or choose a smaller --size"
        )
