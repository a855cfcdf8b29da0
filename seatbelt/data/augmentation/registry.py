"""All named transforms in the order of application, each with the builder whose docstring says what strength scales.

First what needs the decoded mask or another image, then flips, the thesis' ten in their order, and at last what light
and camera do to the whole picture. Transforms of albumentations by name come after all of these.
"""

from __future__ import annotations

from collections.abc import Callable

from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.data.augmentation import camera, colour, pasting, transforms
from seatbelt.data.augmentation.steps import Step, SupplementedStep

SUPPLEMENTED: dict[str, Callable[[int, int, float], SupplementedStep]] = {
    "copy_paste": pasting.copy_paste,
    "clothes_colour": colour.clothes_colour,
    "belt_colour": colour.belt_colour,
}
"""Transforms that need more than the image and its mask."""

BUILDERS: dict[str, Callable[[int, int, float], Step]] = {
    "horizontal_flip": camera.horizontal_flip,
    "vertical_flip": camera.vertical_flip,
    **transforms.BUILDERS,
    "sun_glare": camera.sun_glare,
    "motion_blur": camera.motion_blur,
    "gaussian_blur": camera.gaussian_blur,
    "gauss_noise": camera.gauss_noise,
    "jpeg_compression": camera.jpeg_compression,
}

APPLICATION_ORDER: tuple[str, ...] = (*SUPPLEMENTED, *BUILDERS)


def describe_transforms() -> list[tuple[str, str, str]]:
    """Return name, origin and what strength scales of each named transform, in the order of application."""
    builders = {**SUPPLEMENTED, **BUILDERS}
    return [
        (
            name,
            "thesis" if name in TRANSFORMS else "ours",
            " ".join((builders[name].__doc__ or "").split("\n\n")[0].split()),
        )
        for name in APPLICATION_ORDER
    ]
