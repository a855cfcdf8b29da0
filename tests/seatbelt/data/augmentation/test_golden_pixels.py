"""The pixels of the thesis' ten transforms never change: results of others hold only for these pixels."""

from __future__ import annotations

import hashlib
from typing import get_args

import cv2
import numpy as np
import pytest

from seatbelt.config.augmentation import TRANSFORMS, AugmentationConfig, Policy
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.steps import Pixels

HEIGHT, WIDTH, IMAGES = 48, 80, 16

GOLDEN = {
    "random_rotate90": "39302c820da6ba46",
    "random_crop": "2191028d26caefe8",
    "cutout": "8a61432d19502458",
    "shift_scale_rotate": "1619706c5c4cfc28",
    "solarize": "4bfc09c6b2091c29",
    "random_brightness_contrast": "f0e0d0a5e7f230d0",
    "elastic_transform": "a144f0a3129ae0c1",
    "random_fog": "d0bc815a36cdb9df",
    "grid_distortion": "68d4651078450ff9",
    "hue_saturation_value": "33bdd2ea18d2c019",
    "independent": "758edbaa38a523aa",
    "randaugment": "e801cc332b812b26",
    "trivialaugment": "ed2d3cf073ed41a3",
}
"""Case -> the first digits of the hash of 16 images and masks."""


def sample(number: int) -> tuple[Pixels, Pixels]:
    """Return a smooth image and a mask of circles; integer arithmetic alone, so that every machine has the same."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR_EXACT)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = ((y - 20) ** 2 + (x - 30) ** 2 < 200).astype(np.uint8)
    mask[(y - 30) ** 2 + (x - 60) ** 2 < 100] = 2
    mask[:4] = 255
    return np.ascontiguousarray(image, np.uint8), mask


def digest(config: AugmentationConfig) -> str:
    augment, content = Augmenter(config, HEIGHT, WIDTH), hashlib.sha256()
    for index in range(IMAGES):
        for pixels in augment(*sample(index), seed=7, epoch=3, index=index):
            content.update(pixels.tobytes())
    return content.hexdigest()[:16]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_pixels_of_each_of_the_ten_never_change(name: str) -> None:
    assert digest(AugmentationConfig(transforms=(name,), probability=0.9, strength=1.3)) == GOLDEN[name]


@pytest.mark.parametrize("policy", get_args(Policy))
def test_the_pixels_of_all_ten_never_change_under_any_policy(policy: str) -> None:
    assert digest(AugmentationConfig(policy=policy)) == GOLDEN[policy]
