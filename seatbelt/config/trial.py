"""The trial configuration: a frozen, validated record with the values of the thesis' table 3.3 as defaults.

Everything that changes the numbers of a training is a field here; where and how fast it runs (device, loader workers,
threads) is not. The defaults are frozen: `seatbelt.records.identity` leaves out fields with their default value, so
that a new field keeps old keys valid. A changed default would not.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from seatbelt.config.augmentation import AugmentationConfig
from seatbelt.config.data import DataConfig
from seatbelt.config.data import Record as _Record
from seatbelt.config.encoders import encoder_name
from seatbelt.config.field_paths import set_field
from seatbelt.config.loss import LossConfig
from seatbelt.config.notation import ALL, plain_name
from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.errors import UserError

ThesisDecoder = Literal["fpn", "deeplabv3", "deeplabv3plus", "unet", "unetplusplus", "linknet"]
THESIS_DECODERS: tuple[str, ...] = get_args(ThesisDecoder)
Decoder = Literal[ThesisDecoder, "manet", "pan", "pspnet", "segformer", "upernet", "dpt"]
DECODERS: tuple[str, ...] = get_args(Decoder)

_WHOLE_ENCODERS = ("fpn", "deeplabv3", "deeplabv3plus", "dpt")
"""Decoders that are defined for five encoder stages only."""


class ModelConfig(_Record):
    """Architecture and initial weights."""

    encoder: str = "resnet34"
    """One of the eight short names, a name of segmentation-models-pytorch, or `timm:NAME`; see
    seatbelt.config.encoders."""
    decoder: Decoder = "unetplusplus"
    weights: str = "imagenet"
    """Initial encoder weights: `none`, `imagenet` or `file:<path>`; see seatbelt.models.weights."""
    encoder_depth: Annotated[int, Field(ge=3, le=5)] = 5
    """Number of encoder stages; FPN, DeepLab and DPT decoders are defined for five only."""
    output_stride: Literal[8, 16] = 16
    """Stride of the deepest features in DeepLabV3, DeepLabV3+, PAN (16 only) and PSPNet; the others have 32."""
    decoder_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the segmentation head (smp has other defaults for FPN and DeepLabV3+)."""

    @field_validator("encoder")
    @classmethod
    def _encoder_name(cls, value: str) -> str:
        return encoder_name(value)

    @field_validator("decoder", mode="before")
    @classmethod
    def _decoder_name(cls, value: Any) -> Any:  # noqa: ANN401
        return plain_name(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _depth_and_stride_fit(self) -> ModelConfig:
        if self.encoder_depth != 5 and self.decoder in _WHOLE_ENCODERS:
            raise ValueError(f"encoder_depth must be 5 for the decoder {self.decoder}, but got {self.encoder_depth}")
        if self.output_stride != 16 and self.decoder == "pan":
            raise ValueError(f"output_stride must be 16 for the decoder pan, but got {self.output_stride}")
        return self

    @field_validator("weights")
    @classmethod
    def _weights_form(cls, value: str) -> str:
        if value in ("none", "imagenet") or (value.startswith("file:") and len(value) > 5):
            return value
        raise ValueError(f"weights must be none, imagenet or file:<path>, but got {value!r}")


class PretrainingConfig(_Record):
    """A stage before the training: the same network on synthetic images. The training starts from its best weights."""

    generations: tuple[str, ...] = ()
    """Generations of synthetic images; empty for no pretraining."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Epochs of the stage: part of the identity, because its result depends on them."""

    @field_validator("generations")
    @classmethod
    def _as_set(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))


class TrialConfig(_Record):
    """Everything that determines the numbers of a trial."""

    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    model: ModelConfig = ModelConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    loss: LossConfig = LossConfig()
    optimisation: OptimisationConfig = OptimisationConfig()
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Full epochs of a trial: a budget, and no part of its identity unless the schedule depends on it
    (docs/decisions/0002)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _parts_fit(self) -> TrialConfig:
        labels = (self.data.target, *self.data.context)
        for label in self.loss.weights_by_label:
            if label not in labels and ALL not in labels:
                raise ValueError(
                    f"loss.label_weights names {label}, but the labels of the trial are {', '.join(labels)}"
                )
        optimisation = self.optimisation
        if optimisation.depends_on_length and optimisation.warmup_epochs >= self.epochs:
            raise ValueError(
                f"optimisation.warmup_epochs ({optimisation.warmup_epochs:g}) must be below the epochs ({self.epochs}) "
                f"with the schedule {optimisation.schedule}"
            )
        return self

    @property
    def stage(self) -> TrialConfig | None:
        """The pretraining as a separate trial; trials with the same stage share it."""
        if not self.pretraining.generations:
            return None
        data = {"real": False, "generations": self.pretraining.generations, "synthetic_share": None}
        # Mixture and composition belong to the training: a stage takes all images of its generations.
        data |= {"synthetic_images": None, "composition": ()}
        tree = self.model_dump()
        tree["data"] |= data
        return parse_config({**tree, "pretraining": {}, "epochs": self.pretraining.epochs})

    def with_fields(self, changes: dict[str, Any]) -> TrialConfig:
        """Return a copy with dotted fields replaced, for example ``{"model.encoder": "resnet50"}``.

        A member of a set is a field too: ``{"augmentation.transforms.cutout": False}`` removes it. So is a share of the
        composition: ``{"data.composition.seat=empty": 0.2}``, None to remove it.

        Raises:
            UserError: A field is unknown, or its value is invalid.
        """
        tree = self.model_dump()
        for path, value in changes.items():
            set_field(tree, path, value)
        return parse_config(tree)


def parse_config(tree: dict[str, Any]) -> TrialConfig:
    """Build a trial configuration from nested plain values.

    Raises:
        UserError: Some fields are invalid; one line names each with its rule and value.
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
    value = item.get("input")
    records = isinstance(value, dict) or (isinstance(value, tuple) and any(isinstance(item, dict) for item in value))
    suffix = "" if records else f" (got {value!r})"
    return f"{place}: {message}{suffix}" if place else message
