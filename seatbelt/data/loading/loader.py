"""Batches: training images in an order that depends only on (seed, epoch), evaluation images in file order.

Workers receive (epoch, index) pairs, so that a sample depends on neither the worker nor the number of workers. Batches
are uint8; the device normalises them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, default_collate

from seatbelt.config.trial import TrialConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.steps import Supplement
from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.malloc import reuse_freed_memory
from seatbelt.data.partition.subjects import Sample

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (N, H, W, 3) uint8 RGB and masks (N, H, W) uint8 channel codes, see `Samples`."""


Window = tuple[slice, slice]
"""Rows and columns of a part of an image."""

TARGET = 1
"""Channel code of the target."""
_BATCHES_AHEAD = 2
_CROP = 0x63726F70
"""Separates the draws of crops from all others derived from seed, epoch and index."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Some samples of the decoded data sets, with common codes for their classes.

    `codes[d]` maps a class index of data set d to 1 + its channel, to 0 for other classes, and to 255 for
    pixels to ignore.
    """

    decoded: tuple[Decoded, ...]
    codes: tuple[NDArray[np.uint8], ...]
    indices: tuple[Sample, ...]
    clothes: tuple[NDArray[np.uint8], ...] = ()
    """`clothes[d]` maps a class index of data set d to 1 for clothes, else to 0; empty if no transform needs it."""

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, position: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return image (H, W, 3) and mask (H, W) of channel codes."""
        dataset, row = self.indices[position]
        data = self.decoded[dataset]
        return np.asarray(data.images[row]), np.asarray(cv2.LUT(data.masks[row], self.codes[dataset]), np.uint8)

    def clothes_of(self, position: int) -> NDArray[np.uint8]:
        """Return (H, W), 1 where the image shows clothes and 0 elsewhere."""
        dataset, row = self.indices[position]
        return np.asarray(cv2.LUT(self.decoded[dataset].masks[row], self.clothes[dataset]), np.uint8)

    def with_target(self) -> tuple[int, ...]:
        """Return the positions of the samples whose mask shows the target; reads every mask."""
        return tuple(position for position in range(len(self)) if (self.read(position)[1] == TARGET).any())


class _Training(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    def __init__(self, samples: Samples, config: TrialConfig) -> None:
        self.samples = samples
        self.seed = config.seed
        self.size = config.data.training_size
        self.augment = Augmenter(config.augmentation, *self.size)
        # Found here once, before workers are started; which donor an image gets is drawn from its own stream.
        self.donors = samples.with_target() if "copy_paste" in config.augmentation.transforms else ()

    def __getitem__(self, key: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        epoch, position = key
        image, mask = self.samples.read(position)
        window = self._window(mask.shape, epoch, position)
        # Decided by the whole image: a crop beside the belt shows a belted person too.
        receives = bool(self.donors) and not (mask == TARGET).any()
        supplement = Supplement(
            clothes=self.samples.clothes_of(position)[window] if self.samples.clothes else None,
            donor=functools.partial(self._donor, window) if receives else None,
        )
        return self.augment(
            image[window], mask[window], seed=self.seed, epoch=epoch, index=position, supplement=supplement
        )

    def _donor(self, window: Window, stream: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a sample with the target, cut like its receiver."""
        image, mask = self.samples.read(self.donors[int(stream.integers(len(self.donors)))])
        return image[window], mask[window]

    def _window(self, shape: tuple[int, ...], epoch: int, position: int) -> Window:
        """Return a random place of the training size; the augmentation's transforms draw as without it."""
        rows, columns = self.size
        down, right = shape[0] - rows, shape[1] - columns
        if not down and not right:
            return slice(None), slice(None)
        stream = np.random.default_rng([self.seed, epoch, position, _CROP])
        top, left = int(stream.integers(down + 1)), int(stream.integers(right + 1))
        return slice(top, top + rows), slice(left, left + columns)


class _Order:
    """Yields batches of (epoch, position); set `epoch` before each pass."""

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count, self.batch_size, self.seed, self.epoch = count, batch_size, seed, 0

    def __len__(self) -> int:
        full, rest = divmod(self.count, self.batch_size)
        # Batch norm on a 1x1 map (DeepLab's pooling branch) fails with one image; all arms drop a last single image.
        return full + (1 if rest > 1 or (rest == 1 and full == 0) else 0)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng([self.seed, self.epoch, 4]).permutation(self.count)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [(self.epoch, int(position)) for position in chosen]


class TrainingLoader:
    """Training batches of one trial; workers stay alive between the epochs of a leg.

    Each worker is at most two batches ahead, so that (2 x workers + 1) batches of 4 bytes per pixel are in memory.
    Batches are in order, independent of the workers.
    """

    def __init__(self, samples: Samples, config: TrialConfig, *, workers: int) -> None:
        self._order = _Order(len(samples), config.optimisation.batch_size, config.seed)
        self._loader: DataLoader[Batch] = DataLoader(
            _Training(samples, config),  # type: ignore[arg-type]  # yields arrays, collated to Batch
            batch_sampler=self._order,
            num_workers=workers,
            prefetch_factor=_BATCHES_AHEAD if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_prepare_worker,
            collate_fn=_collate,
        )
        if not workers:
            reuse_freed_memory()

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Return the batches of an epoch."""
        self._order.epoch = epoch
        return iter(self._loader)

    def __len__(self) -> int:
        return len(self._order)


def evaluation_batches(samples: Samples, batch_size: int) -> Iterator[Batch]:
    """Yield all samples in order, without augmentation."""
    for start in range(0, len(samples), batch_size):
        stop = min(start + batch_size, len(samples))
        # (Stacking copies, because torch warns about the read-only decoded cache.)
        images, masks = zip(*(samples.read(position) for position in range(start, stop)), strict=True)
        yield torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))


def _prepare_worker(_: int) -> None:
    # A signal to the process group (Ctrl-C, SLURM's SIGTERM) is meant for the driver, which lets the epoch finish.
    os.setsid()
    cv2.setNumThreads(0)
    reuse_freed_memory()


def _collate(samples: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Batch:
    # torch's collate function writes a worker's batch directly into the memory shared with the trainer.
    images, masks = zip(*samples, strict=True)
    return _stacked(images), _stacked(masks)


def _stacked(arrays: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    stacked: torch.Tensor = default_collate([torch.from_numpy(array) for array in arrays])
    return stacked
