"""Which transforms augment training images: a part of the trial configuration (`seatbelt.config.trial`)."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import Field, field_validator

from seatbelt.config.data import Record, Share
from seatbelt.config.library_transform import LibraryTransform, library_records
from seatbelt.config.notation import plain_name

ThesisTransform = Literal[
    "random_rotate90",
    "random_crop",
    "cutout",
    "shift_scale_rotate",
    "solarize",
    "random_brightness_contrast",
    "elastic_transform",
    "random_fog",
    "grid_distortion",
    "hue_saturation_value",
]
"""The ten augmentations of table 3.4 of the thesis, in the order in which they are applied."""

FurtherTransform = Literal[
    "horizontal_flip",
    "vertical_flip",
    "gaussian_blur",
    "motion_blur",
    "gauss_noise",
    "jpeg_compression",
    "sun_glare",
    "belt_colour",
    "clothes_colour",
    "copy_paste",
]
"""Transforms that the thesis lacks; all are off by default (docs/decisions/0024)."""

Transform = Literal[ThesisTransform, FurtherTransform]

TRANSFORMS: tuple[str, ...] = get_args(ThesisTransform)
"""The ten of the thesis: what `augmentation=all` means."""

FURTHER_TRANSFORMS: tuple[str, ...] = get_args(FurtherTransform)

NAMED_TRANSFORMS: tuple[str, ...] = (*TRANSFORMS, *FURTHER_TRANSFORMS)
"""All transforms with a name, a strength and a probability of their own."""

Policy = Literal["independent", "randaugment", "trivialaugment"]

Strength = Annotated[float, Field(ge=0, le=2)]
"""0 changes nothing, 1 is the documented default of a transform, 2 is twice that (docs/decisions/0008)."""

_Value = TypeVar("_Value")


class PerTransform(Record, Generic[_Value]):
    """A value for some of the named transforms; None means the common value."""

    random_rotate90: _Value | None = None
    random_crop: _Value | None = None
    cutout: _Value | None = None
    shift_scale_rotate: _Value | None = None
    solarize: _Value | None = None
    random_brightness_contrast: _Value | None = None
    elastic_transform: _Value | None = None
    random_fog: _Value | None = None
    grid_distortion: _Value | None = None
    hue_saturation_value: _Value | None = None
    horizontal_flip: _Value | None = None
    vertical_flip: _Value | None = None
    gaussian_blur: _Value | None = None
    motion_blur: _Value | None = None
    gauss_noise: _Value | None = None
    jpeg_compression: _Value | None = None
    sun_glare: _Value | None = None
    belt_colour: _Value | None = None
    clothes_colour: _Value | None = None
    copy_paste: _Value | None = None

    def of(self, transform: str, common: _Value) -> _Value:
        """Return the value of a transform, or the common value if it has none."""
        value: _Value | None = getattr(self, transform)
        return common if value is None else value


class Probabilities(PerTransform[Share]):
    """Probabilities of single transforms."""


class Strengths(PerTransform[Strength]):
    """Strengths of single transforms."""


class AugmentationConfig(Record):
    """Which transforms are applied to training images, how often and how strongly."""

    transforms: tuple[Transform, ...] = get_args(ThesisTransform)
    """The named transforms that are switched on; the order of application is fixed."""
    probability: Share = 0.2
    """Probability of each transform per image, which the thesis does not state. With all ten transforms an image gets
    two on average, as with RandAugment."""
    policy: Policy = "independent"
    """`independent`: each transform with its probability. `randaugment`: `operations` different transforms per image.
    `trivialaugment`: one transform per image, with one of 31 strengths up to its own. Only `independent` uses the
    probabilities."""
    operations: Annotated[int, Field(ge=1, le=len(TRANSFORMS))] = 2
    """Transforms per image under `randaugment`; a larger number than are switched on means all of them."""
    strength: Strength = 1.0
    """Strength of every transform; under `trivialaugment` the largest."""
    probabilities: Probabilities = Probabilities()
    """Probabilities of single transforms, instead of the common one."""
    strengths: Strengths = Strengths()
    """Strengths of single transforms, instead of the common one."""
    library: tuple[LibraryTransform, ...] = ()
    """Transforms of albumentations, applied last and by name; also written `{"MotionBlur": {"blur_limit": 7}}`."""

    @field_validator("library", mode="before")
    @classmethod
    def _as_records(cls, value: Any) -> Any:  # noqa: ANN401  (pydantic passes the user's input)
        return library_records(value)

    @field_validator("library")
    @classmethod
    def _by_name(cls, value: tuple[LibraryTransform, ...]) -> tuple[LibraryTransform, ...]:
        names = [item.name for item in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"library names {name} twice")
        return tuple(sorted(value, key=lambda item: item.name))

    @field_validator("transforms", mode="before")
    @classmethod
    def _in_table_order(cls, value: Any) -> Any:  # noqa: ANN401  (pydantic passes the user's input)
        if not isinstance(value, list | tuple | set | frozenset):
            return value
        names = {plain_name(str(name)): name for name in value}
        spellings = {plain_name(name): name for name in NAMED_TRANSFORMS}
        unknown = [str(names[key]) for key in names if key not in spellings]
        return tuple(spellings[key] for key in spellings if key in names) + tuple(unknown)
