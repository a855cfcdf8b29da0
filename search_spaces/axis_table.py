"""The axes: names for the fields of the trial configuration that a sweep can vary or fix."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

from search_spaces.shares import SHARE, share_field
from seatbelt.config.augmentation import NAMED_TRANSFORMS, Policy
from seatbelt.config.encoders import RESNETS
from seatbelt.config.field_paths import LIBRARY_FIELD
from seatbelt.config.loss import LOSSES
from seatbelt.config.trial import THESIS_DECODERS
from seatbelt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One named axis."""

    field: str
    """Dotted field of the trial configuration."""
    kind: Literal["value", "set", "switch", "architecture", "training_data", "regime", "share", "loss", "library"] = (
        "value"
    )
    """How levels are written. `value`: a plain value. `set`: a+b, `none` or, for transforms, `all`. `switch`: `on` or
    `off` for a member of a set. `architecture`: decoder/encoder. `training_data`: `real`, `3-5` or `real+5`. `regime`:
    a name in `levels`, with generations after `@`. `share`: a share of the synthetic images, or `as_is`. `loss`: the
    losses of the mean, with weights other than 1 after a colon, as `bce+boundary:0.5`; the others have weight 0.
    `library`: `off`, `on` or parameters of a transform of albumentations."""
    levels: tuple[str, ...] = ()
    """Default levels, if the axis has any."""


_LOSS_PARAMETERS = (
    "positive_weight", "label_smoothing", "focal_gamma", "tversky_false", "tversky_missed", "boundary_width",
)  # fmt: skip

AXES: dict[str, Axis] = {
    "encoder": Axis(field="model.encoder", levels=RESNETS),
    "decoder": Axis(field="model.decoder", levels=THESIS_DECODERS),
    "architecture": Axis(field="model.decoder", kind="architecture"),
    "weights": Axis(field="model.weights", levels=("imagenet", "none")),
    "encoder_depth": Axis(field="model.encoder_depth", levels=("3", "4", "5")),
    "output_stride": Axis(field="model.output_stride", levels=("8", "16")),
    "decoder_dropout": Axis(field="model.decoder_dropout"),
    "real": Axis(field="data.real", levels=("false", "true")),
    "generations": Axis(field="data.generations", kind="set"),
    "training_data": Axis(field="data.generations", kind="training_data"),
    "regime": Axis(field="data.generations", kind="regime", levels=("synthetic", "real", "synthetic_then_real")),
    "pretraining": Axis(field="pretraining.generations", kind="set"),
    "pretraining_epochs": Axis(field="pretraining.epochs"),
    "synthetic_share": Axis(field="data.synthetic_share", levels=("0.0", "0.5", "0.6", "0.7", "0.8", "0.9")),
    "synthetic_images": Axis(field="data.synthetic_images"),
    "replacement": Axis(field="data.replacement", levels=("false", "true")),
    "sources": Axis(field="data.sources", kind="set"),
    "target": Axis(field="data.target"),
    "context": Axis(field="data.context", kind="set"),
    "height": Axis(field="data.height"),
    "width": Axis(field="data.width"),
    "training_crop": Axis(field="data.training_crop"),
    "evaluation": Axis(field="data.evaluation", levels=("whole", "tiles")),
    "augmentation": Axis(field="augmentation.transforms", kind="set", levels=("none", "all")),
    "augmentation_policy": Axis(field="augmentation.policy", levels=get_args(Policy)),
    "augmentation_probability": Axis(field="augmentation.probability"),
    **{
        name: Axis(field=f"augmentation.transforms.{name}", kind="switch", levels=("off", "on"))
        for name in NAMED_TRANSFORMS
    },
    "augmentation_operations": Axis(field="augmentation.operations"),
    "augmentation_strength": Axis(field="augmentation.strength", levels=("0.5", "1.0", "1.5", "2.0")),
    "batch_size": Axis(field="optimisation.batch_size"),
    "encoder_learning_rate": Axis(field="optimisation.encoder_learning_rate"),
    "decoder_learning_rate": Axis(field="optimisation.decoder_learning_rate"),
    "encoder_weight_decay": Axis(field="optimisation.encoder_weight_decay"),
    "decoder_weight_decay": Axis(field="optimisation.decoder_weight_decay"),
    "plateau_factor": Axis(field="optimisation.plateau_factor"),
    "plateau_patience": Axis(field="optimisation.plateau_patience"),
    "early_stopping_patience": Axis(field="optimisation.early_stopping_patience"),
    "precision": Axis(field="optimisation.precision", levels=("float32", "bfloat16")),
    "channels_last": Axis(field="optimisation.channels_last", levels=("false", "true")),
    "optimizer": Axis(field="optimisation.optimizer", levels=("adam", "adamw", "sgd")),
    "momentum": Axis(field="optimisation.momentum"),
    "schedule": Axis(field="optimisation.schedule", levels=("plateau", "cosine", "polynomial", "constant")),
    "warmup_epochs": Axis(field="optimisation.warmup_epochs"),
    "polynomial_power": Axis(field="optimisation.polynomial_power"),
    "gradient_clipping": Axis(field="optimisation.gradient_clipping", levels=("none", "1.0")),
    "frozen_epochs": Axis(field="optimisation.frozen_epochs"),
    "accumulation": Axis(field="optimisation.accumulation"),
    "averaging": Axis(field="optimisation.averaging", levels=("none", "0.999")),
    "loss": Axis(field="loss.bce", kind="loss", levels=("bce+dice+iou", "focal+dice", "tversky", "bce+lovasz")),
    **{f"loss_{name}": Axis(field=f"loss.{name}") for name in LOSSES},
    **{name: Axis(field=f"loss.{name}") for name in _LOSS_PARAMETERS},
    "label_weights": Axis(field="loss.label_weights", kind="set"),
}

AXES |= {f"{name}_probability": Axis(field=f"augmentation.probabilities.{name}") for name in NAMED_TRANSFORMS}
AXES |= {f"{name}_strength": Axis(field=f"augmentation.strengths.{name}") for name in NAMED_TRANSFORMS}

LIBRARY = "transform."
"""Prefix of the axis of a transform of albumentations: `transform.MotionBlur`."""

WITHOUT_AXIS = {
    "augmentation.library": "each transform of albumentations is an axis of its own, transform.NAME",
    "data.composition": "each share is an axis of its own, share.TAG.VALUE",
    "data.validation_share": "it only drives the plateau schedule",
    "epochs": "a budget, set by --max-epochs",
    "seed": "it distinguishes the replicates of an arm",
}
"""Fields of the trial configuration without an axis -> the reason."""


def find_axis(name: str) -> Axis:
    """Return an axis by name.

    `share.seat.empty` is the share of synthetic images whose tag `seat` is `empty`, `transform.MotionBlur` a transform
    of albumentations.

    Raises:
        UserError: There is none; the message lists them.
    """
    if name.startswith(SHARE):
        return Axis(field=share_field(name), kind="share")
    if name.startswith(LIBRARY):
        return Axis(field=LIBRARY_FIELD + name.removeprefix(LIBRARY), kind="library", levels=("off", "on"))
    if name not in AXES:
        common = [other for other, axis in AXES.items() if axis.field.count(".") == 1]
        near = difflib.get_close_matches(name, AXES, n=3, cutoff=0.8)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UserError(
            f"there is no axis {name!r}; choose one of {', '.join(common)}, or TRANSFORM (on, off), "
            f"TRANSFORM_probability or TRANSFORM_strength with one of {', '.join(NAMED_TRANSFORMS)}, or "
            f"{SHARE}TAG.VALUE, or {LIBRARY}NAME with a transform of albumentations{hint}"
        )
    return AXES[name]
