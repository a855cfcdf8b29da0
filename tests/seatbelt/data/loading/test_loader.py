"""Batches: what comes in which order depends on (seed, epoch) alone."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from seatbelt.config.augmentation import Policy
from seatbelt.config.trial import TrialConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.colour import clothes_table
from seatbelt.data.augmentation.steps import Pixels
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.datasets.labels import channel_codes
from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.loader import Batch, Samples, TrainingLoader, evaluation_batches

CLASSES = {"background": 0, "seat_belt": 1, "hair": 2, "shirt": 5}


def make_samples(count: int, labels: tuple[str, ...] = ("seat_belt", "hair")) -> Samples:
    """Return samples whose image number i is all i, with masks of random class indices."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 32, 32, 3)).copy()
    masks = np.random.default_rng(0).choice(np.array([0, 1, 2, 5, IGNORE], np.uint8), (count, 32, 32))
    return Samples(
        decoded=(Decoded(images=images, masks=masks),),
        codes=(channel_codes(CLASSES, labels),),
        indices=tuple((0, i) for i in range(count)),
    )


def make_config(*, seed: int = 0, batch_size: int = 4, augmented: bool = False) -> TrialConfig:
    changes = {
        "data.height": 32,
        "data.width": 32,
        "seed": seed,
        "optimisation.batch_size": batch_size,
        "augmentation.probability": 0.5 if augmented else 0.0,
    }
    return TrialConfig().with_fields(changes)


def order(loader: TrainingLoader, epoch: int) -> list[list[int]]:
    return [images[:, 0, 0, 0].tolist() for images, _ in loader.epoch(epoch)]


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    samples = make_samples(20)
    loader = TrainingLoader(samples, make_config(), workers=0)
    first, second = order(loader, 1), order(loader, 2)
    assert sorted(number for batch in first for number in batch) == list(range(20))
    assert first != second
    # An epoch is the same when it is repeated, and in a loader that saw no earlier one.
    assert order(loader, 1) == first
    assert order(TrainingLoader(samples, make_config(), workers=0), 2) == second
    assert order(TrainingLoader(samples, make_config(seed=1), workers=0), 1) != first


def test_arms_of_other_configuration_see_the_same_order() -> None:
    samples = make_samples(20)
    changed = make_config().with_fields({"model.encoder": "resnet18", "loss.bce": 0.5})
    plain = TrainingLoader(samples, make_config(), workers=0)
    assert order(TrainingLoader(samples, changed, workers=0), 3) == order(plain, 3)


@pytest.mark.parametrize("policy", get_args(Policy))
def test_batches_are_identical_with_0_and_2_workers(policy: str) -> None:
    samples = make_samples(10)
    config = make_config(augmented=True).with_fields({"augmentation.policy": policy})
    alone, helped = (TrainingLoader(samples, config, workers=workers) for workers in (0, 2))
    for epoch in (1, 2):
        pairs = list(zip(alone.epoch(epoch), helped.epoch(epoch), strict=True))
        assert len(pairs) == 3
        for (images, masks), (other_images, other_masks) in pairs:
            assert torch.equal(images, other_images)
            assert torch.equal(masks, other_masks)
    # The augmentation changed an image; otherwise equality would prove nothing.
    flat: Batch = next(iter(alone.epoch(1)))
    assert any(image.unique().numel() > 1 for image in flat[0])


def test_transforms_with_another_sample_or_with_clothes_are_identical_with_0_and_2_workers() -> None:
    samples = make_samples(12)
    # Half of the images are without the belt.
    masks = samples.decoded[0].masks.copy()
    masks[::2][masks[::2] == 1] = 0
    images = np.random.default_rng(1).integers(0, 256, samples.decoded[0].images.shape, dtype=np.uint8)
    clothes = clothes_table(CLASSES, ("seat_belt",))
    samples = replace(samples, decoded=(Decoded(images=images, masks=masks),), clothes=(clothes,))
    names = ("copy_paste", "clothes_colour", "belt_colour", "gauss_noise")
    changes = {"augmentation.transforms": names, "augmentation.probability": 0.8, "augmentation.library.MotionBlur": {}}
    config = make_config().with_fields(changes)
    alone, helped = (TrainingLoader(samples, config, workers=workers) for workers in (0, 2))
    for epoch in (1, 2):
        for (images_, masks_), (other_images, other_masks) in zip(alone.epoch(epoch), helped.epoch(epoch), strict=True):
            assert torch.equal(images_, other_images) and torch.equal(masks_, other_masks)
    # Belts were pasted onto images without one.
    pasted = TrainingLoader(samples, config.with_fields({"augmentation.probability": 1}), workers=0)
    assert all((mask == 1).any() for _, masks_ in pasted.epoch(1) for mask in masks_)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (8, 4, [4, 4]),
        (9, 4, [4, 4]),
        (10, 4, [4, 4, 2]),
        (3, 4, [3]),
        (2, 4, [2]),
        (1, 4, [1]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_a_last_batch_of_one_image_is_left_out(count: int, batch_size: int, sizes: list[int]) -> None:
    loader = TrainingLoader(make_samples(count), make_config(batch_size=batch_size), workers=0)
    assert [len(batch) for batch in order(loader, 1)] == sizes
    assert len(loader) == len(sizes)


def test_no_image_is_left_out_in_every_epoch() -> None:
    loader = TrainingLoader(make_samples(9), make_config(), workers=0)
    left = {(set(range(9)) - {n for batch in order(loader, epoch) for n in batch}).pop() for epoch in range(30)}
    assert len(left) > 5


def test_batches_are_uint8_and_masks_are_channel_codes() -> None:
    ((images, masks),) = TrainingLoader(make_samples(3), make_config(), workers=0).epoch(1)
    assert (images.dtype, masks.dtype) == (torch.uint8, torch.uint8)
    assert (tuple(images.shape), tuple(masks.shape)) == ((3, 32, 32, 3), (3, 32, 32))
    # Background and shirt are 0, seat_belt 1, hair 2.
    assert masks.unique().tolist() == [0, 1, 2, 255]


def test_channel_codes_follow_the_labels() -> None:
    codes = channel_codes(CLASSES, ("hair", "seat_belt", "tie"))
    assert codes[[0, 1, 2, 5, IGNORE]].tolist() == [0, 2, 1, 0, 255]
    assert codes.shape == (256,)
    assert int((codes != 0).sum()) == 3


def test_data_sets_with_other_indices_agree_after_coding() -> None:
    mask = np.array([[[0, 1, 2, 255]]], np.uint8)
    decoded = Decoded(images=np.zeros((1, 1, 4, 3), np.uint8), masks=mask)
    labels = ("seat_belt", "hair")
    tables = (channel_codes(CLASSES, labels), channel_codes({"hair": 1, "seat_belt": 2}, labels))
    samples = Samples(decoded=(decoded, decoded), codes=tables, indices=((0, 0), (1, 0)))
    assert samples.read(0)[1].tolist() == [[0, 1, 2, 255]]
    assert samples.read(1)[1].tolist() == [[0, 2, 1, 255]]


def test_evaluation_is_in_file_order_and_leaves_nothing_out() -> None:
    samples = make_samples(9)
    batches = list(evaluation_batches(samples, 4))
    assert [images[:, 0, 0, 0].tolist() for images, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert all(int(image.unique().numel()) == 1 for images, _ in batches for image in images)


def test_training_never_writes_into_the_cache(tmp_path: Path) -> None:
    samples = make_samples(6)
    np.save(tmp_path / "images.npy", samples.decoded[0].images)
    np.save(tmp_path / "masks.npy", samples.decoded[0].masks)
    mapped = Decoded(
        images=np.load(tmp_path / "images.npy", mmap_mode="r"),
        masks=np.load(tmp_path / "masks.npy", mmap_mode="r"),
    )
    read_only = Samples(decoded=(mapped,), codes=samples.codes, indices=samples.indices)
    loader = TrainingLoader(read_only, make_config(augmented=True), workers=0)
    for images, masks in loader.epoch(1):
        images += 1
        masks += 1
    assert np.array_equal(mapped.images, samples.decoded[0].images)


def test_evaluation_reads_a_cache_that_nobody_may_write() -> None:
    samples = make_samples(5)
    for array in (samples.decoded[0].images, samples.decoded[0].masks):
        array.flags.writeable = False
    assert sum(len(images) for images, _ in evaluation_batches(samples, 2)) == 5


@pytest.mark.slow
def test_no_worker_is_more_than_two_batches_ahead() -> None:
    # Workers note each sample that they make; the trainer takes one batch and then waits.
    samples = make_samples(200)
    log = torch.zeros(200, dtype=torch.int64).share_memory_()

    class Noting(Augmenter):
        def __call__(self, image: Pixels, mask: Pixels, *, index: int, **key: Any) -> tuple[Pixels, Pixels]:
            log[index] = 1
            return super().__call__(image, mask, index=index, **key)

    loader = TrainingLoader(samples, make_config(batch_size=4), workers=2)
    loader._loader.dataset.augment = Noting(make_config().augmentation, 32, 32)  # type: ignore[attr-defined]
    batches = loader.epoch(1)
    next(batches)
    time.sleep(1)
    assert 4 <= int(log.sum()) <= (1 + 2 * 2) * 4
    for _ in batches:
        pass
    assert int(log.sum()) == 200
