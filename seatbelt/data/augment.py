"""The ten augmentations of the thesis' table 3.4, by albumentations 2.0.8; nothing else imports that.

The thesis names the transforms but none of their parameters: those below are our choice, mostly the defaults
that albumentations had then. Lengths are relative to the training size: a resolution changes no strength.
What a geometric transform brings in from outside the picture is its mirror image, in the mask as well: all
that is seen is labelled truthfully. Masks are sampled by nearest neighbour: no label is invented, and 255
(ignore) stays. Photometric transforms and cutout leave the mask alone.

Every transform has a random stream of its own, from (seed, epoch, index, transform): switching one off
leaves the draws of the others untouched, so that arms can be compared in pairs. One stream for all would be a
hidden fault: albumentations seeds all members of a Compose alike, and they apply all together or not at all.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.config import TRANSFORMS, AugmentationConfig

Pixels = npt.NDArray[np.uint8]
"""An image (H, W, 3) RGB, or a mask (H, W) of class numbers with 255 = ignore."""

Step = Callable[[Pixels, Pixels, np.random.Generator], tuple[Pixels, Pixels]]
"""Applies one transform to an image and its mask with the given randomness."""


class Augmenter:
    """The augmentation of one trial; stateless between calls, and cheap to send to loader workers."""

    def __init__(self, config: AugmentationConfig, height: int, width: int) -> None:
        """Build the transforms that are switched on.

        Args:
            config: Which transforms, and how often.
            height: Training height in pixels.
            width: Training width in pixels.

        Raises:
            ValueError: albumentations refuses a parameter; an unknown one is an error, not a warning.
        """
        self._probability = config.probability
        self._height, self._width = height, width
        self._steps: dict[str, Step] = {
            name: _BUILDERS[name](height, width) for name in TRANSFORMS if name in config.transforms
        }

    def __call__(self, image: Pixels, mask: Pixels, *, seed: int, epoch: int, index: int) -> tuple[Pixels, Pixels]:
        """Augment one sample; the same arguments give the same result in any process and any order.

        Args:
            image: (H, W, 3) RGB.
            mask: (H, W) class numbers, 255 = ignore.
            seed: Seed of the trial.
            epoch: Epoch of the trial.
            index: Number of the sample in the training set, whatever its place in the epoch.

        Returns:
            New image and mask of the training size, whatever was switched on; the arguments are left alone.
        """
        assert image.shape[2:] == (3,) and image.dtype == np.uint8, f"{image.shape=} {image.dtype=}"
        assert mask.shape == image.shape[:2] and mask.dtype == np.uint8, f"{mask.shape=} {mask.dtype=}"
        image, mask = self._fitted(image.copy(), mask.copy())
        for name, step in self._steps.items():
            stream = _stream(seed, epoch, index, name)
            if stream.random() < self._probability:
                image, mask = self._fitted(*step(image, mask, stream))
        return image, mask

    def applied(self, *, seed: int, epoch: int, index: int) -> tuple[str, ...]:
        """Return the names of the transforms that a call with these arguments applies, in their order."""
        decided = ((name, _stream(seed, epoch, index, name).random()) for name in self._steps)
        return tuple(name for name, draw in decided if draw < self._probability)

    def _fitted(self, image: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
        """Return both at the training size: rotating by 90 degrees swaps the sides, a crop shortens them."""
        if mask.shape == (self._height, self._width):
            return image, mask
        size = (self._width, self._height)
        image = _bytes(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
        return image, _bytes(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT))


def _stream(seed: int, epoch: int, index: int, name: str) -> np.random.Generator:
    key = [seed, epoch, index, TRANSFORMS.index(name), _PURPOSE]
    return np.random.default_rng(np.random.SeedSequence(key))


def _random_rotate90(height: int, width: int) -> Step:
    """Rotate by 0, 90, 180 or 270 degrees; a picture that is not square is stretched to the training size."""
    return partial(_apply, _library().RandomRotate90(p=1))  # (it is strict without saying so)


def _random_crop(height: int, width: int) -> Step:
    """Crop a rectangle with 0.8 of the height and 0.8 of the width, enlarged to the training size."""
    crop = _library().RandomCrop(height=round(0.8 * height), width=round(0.8 * width), p=1, strict=True)
    return partial(_apply, crop)


def _cutout(height: int, width: int) -> Step:
    """Blacken 8 squares with sides of a tenth of the shorter side; a belt under them stays in the mask."""
    side = max(1, min(height, width) // 10)
    cutout = _library().CoarseDropout(
        num_holes_range=(8, 8),
        hole_height_range=(side, side),
        hole_width_range=(side, side),
        fill=0,
        fill_mask=None,
        p=1,
        strict=True,
    )
    return partial(_apply, cutout)


def _shift_scale_rotate(height: int, width: int) -> Step:
    """Shift by up to 6.25 % of each side, scale by 0.9 to 1.1, rotate by up to 45 degrees."""
    affine = _library().Affine(
        translate_percent={"x": (-0.0625, 0.0625), "y": (-0.0625, 0.0625)},
        scale=(0.9, 1.1),
        keep_ratio=True,
        rotate=(-45, 45),
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        border_mode=cv2.BORDER_REFLECT_101,
        p=1,
        strict=True,
    )
    return partial(_apply, affine)


def _solarize(height: int, width: int) -> Step:
    """Invert all values above half of the range."""
    return partial(_apply, _library().Solarize(threshold_range=(0.5, 0.5), p=1, strict=True))


def _random_brightness_contrast(height: int, width: int) -> Step:
    """Change brightness and contrast by up to 20 % each."""
    change = _library().RandomBrightnessContrast(
        brightness_limit=(-0.2, 0.2), contrast_limit=(-0.2, 0.2), p=1, strict=True
    )
    return partial(_apply, change)


def _elastic_transform(height: int, width: int) -> Step:
    """Move pixels by smooth random fields, by s/150 (root mean square) in x and in y; s is the shorter side.

    The library's own defaults hardly move a pixel. Uniform noise on (-1, 1) has the standard deviation
    1/sqrt(3); a Gaussian filter of width sigma = s/25 divides it by 2 sqrt(pi) sigma; alpha scales it.
    """
    shorter = min(height, width)
    sigma = shorter / 25
    elastic = _library().ElasticTransform(
        alpha=shorter / 150 * 2 * np.sqrt(np.pi) * sigma * np.sqrt(3),
        sigma=sigma,
        noise_distribution="uniform",
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        border_mode=cv2.BORDER_REFLECT_101,
        p=1,
        strict=True,
    )
    return partial(_apply, elastic)


def _random_fog(height: int, width: int) -> Step:
    """Lay circles of fog over the picture, with the library's defaults."""
    fog = _library().RandomFog(fog_coef_range=(0.3, 1.0), alpha_coef=0.08, p=1, strict=True)
    return partial(_apply_fog, fog)


def _grid_distortion(height: int, width: int) -> Step:
    """Stretch and squeeze the cells of a 5 x 5 grid by up to 30 %."""
    distortion = _library().GridDistortion(
        num_steps=5,
        distort_limit=(-0.3, 0.3),
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        border_mode=cv2.BORDER_REFLECT_101,
        p=1,
        strict=True,
    )
    return partial(_apply, distortion)


def _hue_saturation_value(height: int, width: int) -> Step:
    """Shift hue by up to 20 (of 180), saturation by up to 30 and value by up to 20 (of 255)."""
    shift = _library().HueSaturationValue(
        hue_shift_limit=(-20, 20), sat_shift_limit=(-30, 30), val_shift_limit=(-20, 20), p=1, strict=True
    )
    return partial(_apply, shift)


def _library() -> Any:  # noqa: ANN401  (albumentations has no annotations that mypy could read)
    """Import albumentations: only where a transform is switched on, because it takes seconds."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else the import calls home
    import albumentations

    return albumentations


def _apply(
    transform: Any,  # noqa: ANN401
    image: Pixels,
    mask: Pixels,
    stream: np.random.Generator,
) -> tuple[Pixels, Pixels]:
    transform.set_random_state(stream, random.Random(int(stream.integers(2**63))))
    result = transform(image=image, mask=mask)
    return _bytes(result["image"]), _bytes(result["mask"])


def _apply_fog(
    fog: Any,  # noqa: ANN401
    image: Pixels,
    mask: Pixels,
    stream: np.random.Generator,
) -> tuple[Pixels, Pixels]:
    """Let the library fog a small black picture, and lay that over the image.

    Each circle blends a value v to (1 - a) v + 255 a, and all of them together do so with one a for each
    pixel: what they make of black is 255 a. The library would blend the whole image some hundred times (at
    848x480 200 ms, this 25). As there, the fogged image is blurred, by a thirtieth of the shorter side.
    """
    height, width = mask.shape
    shrink = max(1, min(height, width) // 120)
    black = np.zeros((height // shrink, width // shrink, 3), dtype=np.uint8)
    small, _ = _apply(fog, black, black[:, :, 0], stream)
    share = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    fogged = np.rint(image * (1 - share) + 255 * share).astype(np.uint8)
    kernel = max(3, min(height, width) // 30) | 1
    return _bytes(cv2.GaussianBlur(fogged, (kernel, kernel), 0)), mask


def _bytes(pixels: Any) -> Pixels:  # noqa: ANN401  (what OpenCV and albumentations return has no type)
    return np.ascontiguousarray(pixels, dtype=np.uint8)


_BUILDERS: dict[str, Callable[[int, int], Step]] = {
    "random_rotate90": _random_rotate90,
    "random_crop": _random_crop,
    "cutout": _cutout,
    "shift_scale_rotate": _shift_scale_rotate,
    "solarize": _solarize,
    "random_brightness_contrast": _random_brightness_contrast,
    "elastic_transform": _elastic_transform,
    "random_fog": _random_fog,
    "grid_distortion": _grid_distortion,
    "hue_saturation_value": _hue_saturation_value,
}

_PURPOSE = 0x617567
"""Keeps these streams apart from all others that derive from seed, epoch and index."""
