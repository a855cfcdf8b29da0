"""The trial configuration: a frozen, validated record with the values of the thesis' table 3.3 as defaults.

Whatever changes the numbers of a training is a field here; where and how fast it runs (device, loader
workers, threads) is not. The defaults are frozen: `seatbelt.identity` leaves out fields that equal their
default, so that a new field keeps old keys valid while a changed default would not.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from seatbelt.errors import UserError

Encoder = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "lite0"]
Decoder = Literal["fpn", "deeplabv3", "deeplabv3plus", "unet", "unetplusplus", "linknet"]
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
"""The ten augmentations in the order of the thesis' table 3.4, which is also the order of application."""

ENCODERS: tuple[str, ...] = get_args(Encoder)
DECODERS: tuple[str, ...] = get_args(Decoder)
TRANSFORMS: tuple[str, ...] = get_args(Transform)
RESNETS = ENCODERS[:5]

_SYNONYMS = {"efficientnetlite0": "lite0", "tfefficientnetlite0": "lite0", "tutfefficientnetlite0": "lite0"}

Policy = Literal["independent", "randaugment", "trivialaugment"]

Share = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0, le=2)]
"""0 changes nothing, 1 is a transform's documented default, 2 twice that (docs/decisions/0008)."""
Rate = Annotated[float, Field(gt=0, le=1)]


def normal_name(name: str) -> str:
    """Return the recorded form of an encoder or decoder name: `Unet++` and `UnetPlusPlus` are `unetplusplus`."""
    plain = _plain(name)
    return _SYNONYMS.get(plain, plain)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower().replace("+", "plus"))


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )


class DataConfig(_Record):
    """What a trial trains on, and what it learns to find."""

    real: bool = False
    """Train on the real training images (those of subjects outside the selection set)."""
    generations: tuple[str, ...] = ("3", "4", "5")
    """Generations of synthetic images to train on; empty for none."""
    synthetic_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of synthetic images among all training images, the real ones being constant; None takes all."""
    target: str = "seat_belt"
    """Class that is searched for: channel 0 of the masks and the only one that is scored."""
    context: tuple[str, ...] = ()
    """Further classes that are learned, one binary channel each, and never scored."""
    height: Annotated[int, Field(ge=32, le=4096)] = 480
    """Height of the training resolution in pixels."""
    width: Annotated[int, Field(ge=32, le=4096)] = 848
    """Width of the training resolution in pixels."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the synthetic images held out at random for the plateau schedule."""

    @field_validator("generations", "context")
    @classmethod
    def _as_set(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _consistent(self) -> DataConfig:
        if not self.real and not self.generations:
            raise ValueError("data must hold real images or at least one generation, but both are switched off")
        if self.synthetic_share is not None and not (self.real and self.generations):
            raise ValueError(
                "synthetic_share needs real images and generations to mix, "
                f"but got real={self.real} and generations={self.generations}"
            )
        if self.target in self.context:
            raise ValueError(f"context must not repeat the target, but holds {self.target!r}")
        return self


_Value = TypeVar("_Value")


class PerTransform(_Record, Generic[_Value]):
    """A value for some of the ten transforms; None leaves a transform with the common value."""

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
        """Return the value of a transform, or the common one if it has none of its own."""
        own: _Value | None = getattr(self, transform)
        return common if own is None else own


class Probabilities(PerTransform[Share]):
    """Probabilities of single transforms."""


class Strengths(PerTransform[Strength]):
    """Strengths of single transforms."""


class AugmentationConfig(_Record):
    """Which of the ten transforms are applied to training images, how often and how strongly."""

    transforms: tuple[Transform, ...] = get_args(Transform)
    """The transforms that are switched on; the order of application is fixed."""
    probability: Share = 0.2
    """Probability of each transform per image (the thesis does not state it): with all ten switched on an image
    gets two on average, as many as RandAugment usually applies."""
    policy: Policy = "independent"
    """`independent`: each transform with its probability. `randaugment`: `operations` different ones per image.
    `trivialaugment`: one per image, its strength drawn from 31 levels between 0 and its own. Probabilities are
    for `independent` only."""
    operations: Annotated[int, Field(ge=1, le=len(TRANSFORMS))] = 2
    """Transforms per image under `randaugment`; more than are switched on means all of them."""
    strength: Strength = 1.0
    """Strength of every transform; under `trivialaugment` the largest."""
    probabilities: Probabilities = Probabilities()
    """Probabilities of single transforms, in place of the common one."""
    strengths: Strengths = Strengths()
    """Strengths of single transforms, in place of the common one."""

    @field_validator("transforms", mode="before")
    @classmethod
    def _in_table_order(cls, value: Any) -> Any:  # noqa: ANN401  (pydantic hands over what the user wrote)
        if not isinstance(value, list | tuple | set | frozenset):
            return value
        names = {_plain(str(name)): name for name in value}
        known = {_plain(name): name for name in TRANSFORMS}
        unknown = [str(names[key]) for key in names if key not in known]
        return tuple(known[key] for key in known if key in names) + tuple(unknown)


class ModelConfig(_Record):
    """Architecture and initial weights."""

    encoder: Encoder = "resnet34"
    decoder: Decoder = "unetplusplus"
    weights: str = "imagenet"
    """Initial encoder weights: `none`, `imagenet` or `file:<path>`; see seatbelt.models.weights."""
    encoder_depth: Annotated[int, Field(ge=5, le=5)] = 5
    """Number of encoder stages; DeepLab and FPN decoders are defined for five only."""
    output_stride: Literal[8, 16] = 16
    """Stride of the deepest features in DeepLabV3 and DeepLabV3+; the other decoders have 32."""
    decoder_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the segmentation head (FPN and DeepLabV3+ would default to others in smp)."""

    @field_validator("encoder", "decoder", mode="before")
    @classmethod
    def _normal_name(cls, value: Any) -> Any:  # noqa: ANN401
        return normal_name(value) if isinstance(value, str) else value

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, value: str) -> str:
        if value in ("none", "imagenet") or (value.startswith("file:") and len(value) > 5):
            return value
        raise ValueError(f"weights must be none, imagenet or file:<path>, but got {value!r}")


class LossConfig(_Record):
    """Weights of the three losses; the loss is their weighted mean, averaged over the labels."""

    bce: Annotated[float, Field(ge=0)] = 1.0
    dice: Annotated[float, Field(ge=0)] = 1.0
    iou: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _not_all_zero(self) -> LossConfig:
        if self.bce + self.dice + self.iou <= 0:
            raise ValueError("at least one of the loss weights bce, dice, iou must be above 0")
        return self


class OptimisationConfig(_Record):
    """Adam, the plateau schedule and the arithmetic of a training."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 4
    """Images per step."""
    encoder_learning_rate: Rate = 0.0002
    """Initial learning rate of the encoder."""
    decoder_learning_rate: Rate = 0.00025
    """Initial learning rate of everything else."""
    encoder_weight_decay: Share = 0.00003
    """Table 3.3's "layer weight decay", read as the encoder's own (docs/decisions/0003)."""
    decoder_weight_decay: Share = 0.0003
    """Table 3.3's "adam weight decay"."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Both learning rates are multiplied by it when the validation loss stops falling."""
    plateau_patience: Annotated[int, Field(ge=0)] = 6
    """Epochs without a lower validation loss before that happens."""
    early_stopping_patience: Annotated[int, Field(ge=1)] = 50
    """Epochs without a better selection IoU before the trial ends."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the forward pass under autocast, on any device."""
    channels_last: bool = False
    """Memory layout of images and weights."""


class TrialConfig(_Record):
    """Everything that decides the numbers of a trial."""

    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optimisation: OptimisationConfig = OptimisationConfig()
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Full epochs of a trial: a budget, not part of its identity (docs/decisions/0002)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    def with_fields(self, changes: dict[str, Any]) -> TrialConfig:
        """Return a copy with dotted fields replaced, for example ``{"model.encoder": "resnet50"}``.

        Raises:
            UserError: An unknown field, or a value that its field refuses.
        """
        tree = self.model_dump()
        for path, value in changes.items():
            *parents, leaf = path.split(".")
            branch: Any = tree
            for name in parents:
                branch = branch.get(name) if isinstance(branch, dict) else None
            if not isinstance(branch, dict) or leaf not in branch:
                raise UserError(f"the trial configuration has no field {path!r}")
            branch[leaf] = value
        return parse_config(tree)


def parse_config(tree: dict[str, Any]) -> TrialConfig:
    """Build a trial configuration from nested plain values.

    Raises:
        UserError: One line that names every field that was refused, the rule and the value.
    """
    try:
        return TrialConfig.model_validate(tree)
    except ValidationError as error:
        faults = "; ".join(_fault(item) for item in error.errors())
        raise UserError(f"trial configuration: {faults}") from None


def _fault(item: Any) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = item.get("input")
    shown = "" if isinstance(given, dict) else f" (got {given!r})"
    return f"{place}: {message}{shown}" if place else message
