"""Every named axis of the trial configuration: what `--set NAME=a,b` varies and `--fix NAME=value` fixes."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from search_spaces.space import Factor, Level
from seatbelt.config import DECODERS, RESNETS, TRANSFORMS, Policy, TrialConfig
from seatbelt.errors import UserError

_LONGEST_RANGE = 100

_NUMBERS = ("output_stride",)
"""Axes with a closed choice of numbers, which the configuration does not accept as texts."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One named axis."""

    field: str
    """Dotted field of the trial configuration."""
    kind: Literal["value", "set"] = "value"
    """A plain value, or a set written a+b (`none` and, for transforms, `all`)."""
    levels: tuple[str, ...] = ()
    """The usual levels, if the axis has such."""


AXES: dict[str, Axis] = {
    "encoder": Axis(field="model.encoder", levels=RESNETS),
    "decoder": Axis(field="model.decoder", levels=DECODERS),
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
    "augmentation_policy": Axis(field="augmentation.policy", levels=get_args(Policy)),
    "augmentation_probability": Axis(field="augmentation.probability"),
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
    "loss_bce": Axis(field="loss.bce"),
    "loss_dice": Axis(field="loss.dice"),
    "loss_iou": Axis(field="loss.iou"),
}

AXES |= {f"{name}_probability": Axis(field=f"augmentation.probabilities.{name}") for name in TRANSFORMS}
AXES |= {f"{name}_strength": Axis(field=f"augmentation.strengths.{name}") for name in TRANSFORMS}


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
    texts = [text.strip() for text in (values if values is not None else axis.levels)]
    if "" in texts:
        raise UserError(f"axis {name!r} has an empty level; {_how_to_write(axis)}")
    return Factor(name=name, levels=tuple(_level(name, axis, text) for text in texts))


def find(name: str) -> Axis:
    """Return an axis by name.

    Raises:
        UserError: There is none; the message lists them.
    """
    if name not in AXES:
        common = [known for known, axis in AXES.items() if axis.field.count(".") == 1]
        raise UserError(
            f"there is no axis {name!r}; choose one of {', '.join(common)}, or TRANSFORM_probability or "
            f"TRANSFORM_strength with one of {', '.join(TRANSFORMS)}"
        )
    return AXES[name]


def _how_to_write(axis: Axis) -> str:
    if axis.kind == "set":
        return "write none for the empty set, else a+b"
    return "write each value between the commas"


def _level(name: str, axis: Axis, text: str) -> Level:
    if axis.kind == "set":
        return _set_level(name, axis, text)
    fields: dict[str, Any] = {axis.field: int(text) if name in _NUMBERS and text.isdecimal() else text}
    if name == "encoder" and "@" in text:
        encoder, _, weights = text.partition("@")
        fields = {axis.field: encoder, AXES["weights"].field: weights}
    # The configuration is the judge of its own values, and gives each its one form: 4.0 and 4 are alike.
    checked = _checked(fields)
    values = {path: _value(checked, path) for path in fields}
    label = "@".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values.values())
    return Level(label=label, fields=values)


def _set_level(name: str, axis: Axis, text: str) -> Level:
    members = _members(name, text)
    if "" in members:
        raise UserError(f"axis {name!r} has an empty member in {text!r}; {_how_to_write(axis)}")
    # A set of labels may only make sense together with another target: it is checked with the cell.
    if axis.field.startswith("data."):
        members = tuple(sorted(set(members)))
    else:
        members = _value(_checked({axis.field: members}), axis.field)
    return Level(label=text, fields={axis.field: members})


def _checked(fields: dict[str, Any]) -> TrialConfig:
    # With real images, every share of synthetic ones makes sense.
    return TrialConfig().with_fields({"data.real": True, **fields})


def _value(config: TrialConfig, path: str) -> Any:  # noqa: ANN401  (the field's own type)
    return operator.attrgetter(path)(config)


def _members(name: str, text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    if name == "augmentation" and text == "all":
        return TRANSFORMS
    members: list[str] = []
    for part in (part.strip() for part in text.split("+")):
        found = re.fullmatch(r"(\d{1,6})-(\d{1,6})", part, re.ASCII) if name == "generations" else None
        members += _range(part, int(found[1]), int(found[2])) if found else [part]
    return tuple(members)


def _range(text: str, first: int, last: int) -> list[str]:
    if not first < last <= first + _LONGEST_RANGE:
        raise UserError(f"generations {text}: a range must rise, by at most {_LONGEST_RANGE}; write it as 3-5")
    return [str(generation) for generation in range(first, last + 1)]
