"""The ten augmentations of table 3.4 of the thesis, mostly by albumentations 2.0.8.

The thesis names the transforms but not their parameters. The parameters here are our choice, mostly the defaults of
albumentations at that time. Lengths are relative to the training size, so the resolution does not change the strength.
Geometric transforms fill the area outside the picture with its mirror image, in the mask too, so that all visible
pixels have correct labels. Masks are sampled by nearest neighbour: no label is invented, and 255 (ignore) stays.
Photometric transforms and cutout do not change the mask.

Each builder takes a strength s from 0 (no change; the step is skipped) over 1 (our default) to 2; its docstring says
what s scales. ElasticTransform and RandomFog have the library's distribution at a lower cost.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from seatbelt.data.augmentation import elastic
from seatbelt.data.augmentation.fog import fogged
from seatbelt.data.augmentation.library import apply_library, load_library, seed_transform
from seatbelt.data.augmentation.steps import Pixels, Step, as_bytes


def _random_rotate90(height: int, width: int, strength: float) -> Step:
    """Rotate by 0, 90, 180 or 270 degrees, for any strength; the result is stretched to the training size."""
    return _rotate


def _rotate(image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    turn = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)[int(stream.integers(4))]
    if turn is None:
        return image, mask
    return as_bytes(cv2.rotate(image, turn)), as_bytes(cv2.rotate(mask, turn))


def _random_crop(height: int, width: int, strength: float) -> Step:
    """Crop a rectangle with 1 - 0.2 s of the height and of the width, enlarged to the training size."""
    share = 1 - 0.2 * strength
    crop = load_library().RandomCrop(height=round(share * height), width=round(share * width), p=1, strict=True)
    return partial(apply_library, crop)


def _cutout(height: int, width: int, strength: float) -> Step:
    """Blacken 8 squares with sides of s/10 of the shorter side; the mask does not change."""
    side = max(1, int(strength * min(height, width) / 10))
    cutout = load_library().CoarseDropout(
        num_holes_range=(8, 8),
        hole_height_range=(side, side),
        hole_width_range=(side, side),
        fill=0,
        fill_mask=None,
        p=1,
        strict=True,
    )
    return partial(apply_library, cutout)


def _shift_scale_rotate(height: int, width: int, strength: float) -> Step:
    """Shift by up to 6.25 s % of each side, scale by 1 - 0.1 s to 1 + 0.1 s, rotate by up to 45 s degrees."""
    shift, scale, angle = 0.0625 * strength, 0.1 * strength, 45 * strength
    affine = load_library().Affine(
        translate_percent={"x": (-shift, shift), "y": (-shift, shift)},
        scale=(1 - scale, 1 + scale),
        keep_ratio=True,
        rotate=(-angle, angle),
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        border_mode=cv2.BORDER_REFLECT_101,
        p=1,
        strict=True,
    )
    return partial(apply_library, affine)


def _solarize(height: int, width: int, strength: float) -> Step:
    """Invert all values above 1 - s/2 of the range."""
    threshold = 1 - strength / 2
    return partial(apply_library, load_library().Solarize(threshold_range=(threshold, threshold), p=1, strict=True))


def _random_brightness_contrast(height: int, width: int, strength: float) -> Step:
    """Change brightness and contrast by up to 20 s % each."""
    limit = (-0.2 * strength, 0.2 * strength)
    change = load_library().RandomBrightnessContrast(brightness_limit=limit, contrast_limit=limit, p=1, strict=True)
    return partial(apply_library, change)


def _elastic_transform(height: int, width: int, strength: float) -> Step:
    """Move pixels by smooth random fields, by s/150 of the shorter side (root mean square) in x and in y.

    The library's defaults hardly move a pixel. See seatbelt.data.augmentation.elastic for the width of the fields.
    """
    return partial(_move, strength * min(height, width) / 150)


def _move(rms: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    height, width = mask.shape
    return _remapped(image, mask, *elastic.maps(height, width, rms, stream))


def _remapped(image: Pixels, mask: Pixels, x: elastic.Floats, y: elastic.Floats) -> tuple[Pixels, Pixels]:
    border = cv2.BORDER_REFLECT_101
    moved = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=border)
    return as_bytes(moved), as_bytes(cv2.remap(mask, x, y, cv2.INTER_NEAREST, borderMode=border))


def _random_fog(height: int, width: int, strength: float) -> Step:
    """Blend circles of fog over the picture as the library does by default; s scales the opacity of a circle."""
    return partial(_fog, strength)


def _fog(opacity: float, image: Pixels, mask: Pixels, stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    return fogged(image, opacity, stream), mask


def _grid_distortion(height: int, width: int, strength: float) -> Step:
    """Stretch and squeeze the cells of a 5 x 5 grid by up to 30 s %."""
    limit = (-0.3 * strength, 0.3 * strength)
    return partial(_distort, load_library().GridDistortion(num_steps=5, distort_limit=limit, p=1, strict=True))


def _distort(
    distortion: Any,  # noqa: ANN401
    image: Pixels,
    mask: Pixels,
    stream: np.random.Generator,
) -> tuple[Pixels, Pixels]:
    """Use the library's map without its copies for the image and for the mask."""
    seed_transform(distortion, stream)
    maps = distortion.get_params_dependent_on_data({"shape": image.shape}, {})
    return _remapped(image, mask, maps["map_x"], maps["map_y"])


def _hue_saturation_value(height: int, width: int, strength: float) -> Step:
    """Shift hue by up to 20 s (of 180), saturation by up to 30 s and value by up to 20 s (of 255)."""
    hue, saturation, value = 20 * strength, 30 * strength, 20 * strength
    shift = load_library().HueSaturationValue(
        hue_shift_limit=(-hue, hue),
        sat_shift_limit=(-saturation, saturation),
        val_shift_limit=(-value, value),
        p=1,
        strict=True,
    )
    return partial(_shift_hsv, shift)


def _shift_hsv(
    shift: Any,  # noqa: ANN401
    image: Pixels,
    mask: Pixels,
    stream: np.random.Generator,
) -> tuple[Pixels, Pixels]:
    """Use the library's shifts, and look all three channels up at once instead of one by one."""
    seed_transform(shift, stream)
    shifts = shift.get_params()
    values = np.arange(256)
    table = np.empty((1, 256, 3), np.uint8)
    table[0, :, 0] = np.mod(values + shifts["hue_shift"], 180).astype(np.uint8)
    table[0, :, 1] = (values + int(shifts["sat_shift"])).clip(0, 255)
    table[0, 0, 1] = 0  # grey stays grey
    table[0, :, 2] = (values + int(shifts["val_shift"])).clip(0, 255)
    shifted = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table)
    return as_bytes(cv2.cvtColor(shifted, cv2.COLOR_HSV2RGB)), mask


BUILDERS: dict[str, Callable[[int, int, float], Step]] = {
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
"""Name -> builder from training height, width and strength, in the order of application."""
