"""Which transforms augment training images: a part of the trial configuration (`seatbelt.config.trial`)."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import Field, field_validator

from seatbelt.config.data import Record, Share
from seatbelt.config.notation import plain_name

Transform = Literal[
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

TRANSFORMS: tuple[str, ...] = get_args(Transform)

Policy = Literal["independent", "randaugment", "trivialaugment"]

Strength = Annotated[float, Field(ge=0, le=2)]
"""0 changes nothing, 1 is the documented default of a transform, 2 is twice that (docs/decisions/0008)."""

_Value = TypeVar("_Value")


class PerTransform(Record, Generic[_Value]):
    """A value for some of the ten transforms; None means the common value."""

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

    def of(self, transform: str, common: _Value) -> _Value:
        """Return the value of a transform, or the common value if it has none."""
        value: _Value | None = getattr(self, transform)
        return common if value is None else value


class Probabilities(PerTransform[Share]):
    """Probabilities of single transforms."""


class Strengths(PerTransform[Strength]):
    """Strengths of single transforms."""


class AugmentationConfig(Record):
    """Which of the ten transforms are applied to training images, how often and how strongly."""

    transforms: tuple[Transform, ...] = get_args(Transform)
    """The transforms that are switched on; the order of application is fixed."""
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

    @field_validator("transforms", mode="before")
    @classmethod
    def _in_table_order(cls, value: Any) -> Any:  # noqa: ANN401  (pydantic passes the user's input)
        if not isinstance(value, list | tuple | set | frozenset):
            return value
        names = {plain_name(str(name)): name for name in value}
        spellings = {plain_name(name): name for name in TRANSFORMS}
        unknown = [str(names[key]) for key in names if key not in spellings]
        return tuple(spellings[key] for key in spellings if key in names) + tuple(unknown)
