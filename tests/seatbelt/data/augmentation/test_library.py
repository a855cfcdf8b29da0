"""Transforms of albumentations by name: which are refused, and that masks keep their labels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from seatbelt.config.augmentation import AugmentationConfig
from seatbelt.config.library_transform import LibraryTransform
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.library import check_library_transform
from seatbelt.errors import UserError
from tests.seatbelt.data.augmentation.test_golden_pixels import HEIGHT, WIDTH, sample


def check(name: str, **parameters: Any) -> None:
    record = LibraryTransform.model_validate({"name": name, "parameters": parameters})
    check_library_transform(record, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("HorizontalFlip", {}),
        ("MotionBlur", {"blur_limit": [3, 7]}),
        ("Rotate", {"limit": 20}),
        ("Perspective", {}),
        ("ThinPlateSpline", {}),
        ("RandomSunFlare", {}),
        ("RandomResizedCrop", {"size": [30, 30]}),
        ("ToGray", {}),
        ("MedianBlur", {"blur_limit": 5}),
    ],
)
def test_transforms_of_images_and_masks_are_accepted(name: str, parameters: dict[str, Any]) -> None:
    check(name, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "what"),
    [
        ("MotionBlurr", {}, "transform.MotionBlurr: albumentations has no transform 'MotionBlurr' .* mean MotionBlur"),
        ("Qqqq", {}, "no transform 'Qqqq' of images and masks; see https://albumentations.ai"),
        ("Compose", {}, "albumentations has no transform 'Compose' of images and masks"),
        ("Lambda", {}, "albumentations has no transform 'Lambda' of images and masks"),
        (
            "MotionBlur",
            {"blur_limits": 7},
            "transform.MotionBlur has no parameter 'blur_limits'; did you mean blur_limit",
        ),
        ("HorizontalFlip", {"qqqq": 1}, "transform.HorizontalFlip has no parameter 'qqqq'; it has none"),
        ("MotionBlur", {"blur_limit": "wide"}, "transform.MotionBlur cannot be built with .*blur_limit.*wide"),
        ("Blur", {"blur_limit": -3}, "transform.Blur cannot be built with .*blur_limit"),
        ("Rotate", {"mask_interpolation": 1}, "mask_interpolation must be 0 .nearest., or labels are invented"),
        ("Normalize", {}, "transform.Normalize returns the image as float32 of shape"),
        ("RandomCrop", {"height": 400, "width": 400}, "transform.RandomCrop does not work on an image of 48x80: "),
        (
            "RandomCrop",
            {},
            "transform.RandomCrop cannot be built with \\{\\}: height Field required; width Field required$",
        ),
        ("FDA", {}, "transform.FDA does not work on an image of 48x80: FDA requires"),
    ],
)
def test_what_a_training_cannot_use_is_refused(name: str, parameters: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what) as refusal:
        check(name, **parameters)
    assert "\n" not in str(refusal.value) and not re.search("Traceback", str(refusal.value))


@pytest.mark.parametrize("name", ["Rotate", "Perspective", "RandomResizedCrop"])
def test_masks_are_sampled_by_nearest_neighbour_and_have_the_training_size(name: str) -> None:
    parameters = {"size": [30, 30]} if name == "RandomResizedCrop" else {}
    config = AugmentationConfig(transforms=(), library={name: parameters}, probability=1.0)
    for index in range(6):
        image, mask = Augmenter(config, HEIGHT, WIDTH)(*sample(index), seed=0, epoch=1, index=index)
        assert image.shape == (HEIGHT, WIDTH, 3) and mask.shape == (HEIGHT, WIDTH)
        assert set(np.unique(mask)) <= {0, 1, 2, 255}


def test_a_transform_has_the_common_probability_or_its_own() -> None:
    library = {"Blur": {"p": 0.9}, "HorizontalFlip": {}}
    instance = Augmenter(AugmentationConfig(transforms=(), library=library, probability=0.2), HEIGHT, WIDTH)
    choices = [instance.applied(seed=0, epoch=1, index=index) for index in range(1000)]
    shares = [sum(name in names for names in choices) / 1000 for name in ("transform.Blur", "transform.HorizontalFlip")]
    assert shares == pytest.approx([0.9, 0.2], abs=0.05)
