"""Random crops of training images: parts of the image and its mask, drawn from (seed, epoch, index) alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.loader import Samples, TrainingLoader, evaluation_batches
from seatbelt.errors import UserError

HEIGHT, WIDTH = 64, 96


@pytest.fixture
def samples() -> Samples:
    """Images whose red is the row and whose green is the column, with masks that are the image's number."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.uint8)
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    images = np.stack([image] * 8)
    masks = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None], (8, HEIGHT, WIDTH)).copy()
    codes = np.arange(256, dtype=np.uint8)
    indices = tuple((0, i) for i in range(8))
    return Samples(decoded=(Decoded(images=images, masks=masks),), codes=(codes,), indices=indices)


def config(crop: str | None, **changes: object) -> TrialConfig:
    fields = {"data.height": HEIGHT, "data.width": WIDTH, "data.training_crop": crop, "augmentation.transforms": ()}
    return TrialConfig().with_fields({**fields, **changes})


def corners(loader: TrainingLoader, epoch: int) -> dict[int, tuple[int, int]]:
    """Return the top left corner of each image's crop."""
    places = {}
    for images, masks in loader.epoch(epoch):
        assert images.shape[1:] == (32, 48, 3) and masks.shape[1:] == (32, 48)
        for image, mask in zip(images, masks, strict=True):
            top, left = int(image[0, 0, 0]), int(image[0, 0, 1])
            expected = torch.arange(top, top + 32, dtype=torch.uint8)
            assert torch.equal(image[:, 0, 0], expected), "a crop is a part of the image, not a smaller one"
            assert image[0, -1, 1] == left + 47
            places[int(mask[0, 0])] = (top, left)
    return places


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_crops_depend_on_seed_epoch_and_image(samples: Samples, workers: int) -> None:
    loader = TrainingLoader(samples, config("32x48"), workers=workers)
    first, second = corners(loader, 1), corners(loader, 2)
    assert len(set(first.values())) > 4 and first != second
    assert corners(TrainingLoader(samples, config("32x48"), workers=0), 1) == first
    assert corners(TrainingLoader(samples, config("32x48", seed=1), workers=0), 1) != first
    # Another batch size is another order, not another crop.
    other = TrainingLoader(samples, config("32x48", **{"optimisation.batch_size": 3}), workers=0)
    assert corners(other, 1).items() <= first.items()


def test_evaluation_sees_whole_images(samples: Samples) -> None:
    batches = list(evaluation_batches(samples, 4))
    assert [images.shape for images, _ in batches] == [(4, HEIGHT, WIDTH, 3)] * 2


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        ("96x96", r"training_crop \(96x96\) must not be larger than the images \(64x96\)"),
        ("16x32", "a size is HEIGHTxWIDTH such as 192x256, both from 32 pixels"),
        ("64", "a size is HEIGHTxWIDTH"),
    ],
)
def test_an_impossible_crop_is_refused(crop: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(crop)


def test_tiles_have_the_size_of_the_crops() -> None:
    assert config("32x48", **{"data.evaluation": "tiles"}).data.tile == (32, 48)
    assert config("32x48").data.tile is None
    assert config(None, **{"data.evaluation": "tiles"}).data.tile is None, "whole images are one tile each"
