"""Every named axis of the trial configuration: what `--set NAME=a,b` varies and `--fix NAME=value` fixes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from search_spaces.space import Factor, Level
from seatbelt.config import DECODERS, RESNETS, TRANSFORMS, TrialConfig, normal_name
from seatbelt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One named axis."""

    field: str
    """Dotted field of the trial configuration."""
    kind: Literal["value", "name", "set"] = "value"
    """A plain value, an architecture's name, or a set written a+b (`none` and, for transforms, `all`)."""
    levels: tuple[str, ...] = ()
    """The usual levels, if the axis has such."""


AXES: dict[str, Axis] = {
    "encoder": Axis(field="model.encoder", kind="name", levels=RESNETS),
    "decoder": Axis(field="model.decoder", kind="name", levels=DECODERS),
    "weights": Axis(field="model.weights", levels=("imagenet", "none")),
    "output_stride": Axis(field="model.output_stride", levels=("8", "16")),
    "decoder_dropout": Axis(field="model.decoder_dropout"),
    "real": Axis(field="data.real", levels=("false", "true")),
    "generations": Axis(field="data.generations", kind="set"),
    "synthetic_share": Axis(field="data.synthetic_share", levels=("0.5", "0.6", "0.7", "0.8", "0.9")),
    "target": Axis(field="data.target"),
    "context": Axis(field="data.context", kind="set"),
    "height": Axis(field="data.height"),
    "width": Axis(field="data.width"),
    "augmentation": Axis(field="augmentation.transforms", kind="set", levels=("none", "all")),
    "augmentation_probability": Axis(field="augmentation.probability"),
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
    "loss_bce": Axis(field="loss.bce"),
    "loss_dice": Axis(field="loss.dice"),
    "loss_iou": Axis(field="loss.iou"),
}


def factor(name: str, values: Iterable[str] | None = None) -> Factor:
    """Build the factor of an axis from the texts of its levels.

    An encoder may name its weights after `@`: `encoder=lite0,resnet18@none`.

    Args:
        name: Name of an axis.
        values: Texts of the levels; the axis' usual ones if None.

    Raises:
        UserError: There is no such axis, or it refuses a value.
    """
    axis = find(name)
    texts = tuple(values) if values is not None else axis.levels
    return Factor(name=name, levels=tuple(_level(name, axis, text.strip()) for text in texts))


def find(name: str) -> Axis:
    """Return an axis by name.

    Raises:
        UserError: There is none; the message lists them.
    """
    if name not in AXES:
        raise UserError(f"there is no axis {name!r}; choose one of {', '.join(AXES)}")
    return AXES[name]


def _level(name: str, axis: Axis, text: str) -> Level:
    fields: dict[str, Any] = {}
    value: Any = text
    if name == "encoder" and "@" in text:
        value, _, weights = text.partition("@")
        fields[AXES["weights"].field] = weights
    if axis.kind == "set":
        value = _members(name, text)
    elif axis.kind == "name":
        value = normal_name(value)
    fields[axis.field] = value
    # The configuration is the judge of its own values; a set may only make sense together with other axes.
    checked = TrialConfig().with_fields(fields) if axis.field.split(".")[0] != "data" else None
    label = value if isinstance(value, str) else (text or "none")
    if checked is not None and axis.kind == "value":
        group, leaf = axis.field.split(".")
        fields[axis.field] = getattr(getattr(checked, group), leaf)
        label = (
            str(fields[axis.field]).lower()
            if isinstance(fields[axis.field], bool)
            else str(fields[axis.field])
        )
    if "@" in text and name == "encoder":
        label = f"{value}@{fields[AXES['weights'].field]}"
    return Level(label=label, fields=fields)


def _members(name: str, text: str) -> tuple[str, ...]:
    if text in ("none", ""):
        return ()
    if name == "augmentation" and text == "all":
        return TRANSFORMS
    if name == "generations" and "-" in text and all(part.isdigit() for part in text.split("-", 1)):
        first, last = (int(part) for part in text.split("-", 1))
        return tuple(str(generation) for generation in range(first, last + 1))
    return tuple(part.strip() for part in text.split("+"))
