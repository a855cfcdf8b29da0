"""Every named axis of the trial configuration: what `--set NAME=a,b` varies and `--fix NAME=value` fixes."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from search_spaces.shares import AS_IS, SHARE, share_field
from search_spaces.space import Factor, Level, Range
from seatbelt.config.augmentation import TRANSFORMS, Policy
from seatbelt.config.field_paths import SHARE_FIELD, field_value
from seatbelt.config.notation import canonical_label
from seatbelt.config.trial import DECODERS, RESNETS, TrialConfig
from seatbelt.errors import UserError

_LONGEST_RANGE = 100

PRETRAINED_ON = "2-6"
"""Synthetic generations of a regime that names none (ours: those of the thesis' best model)."""

_NUMBERS = ("output_stride", "encoder_depth")
"""Axes with a closed choice of numbers, which the configuration does not accept as texts."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One named axis."""

    field: str
    """Dotted field of the trial configuration."""
    kind: Literal["value", "set", "switch", "architecture", "training_data", "regime", "share"] = "value"
    """A plain value; a set written a+b (`none` and, for transforms, `all`); a member of a set, `on` or `off`; an
    architecture, decoder/encoder; what is trained on, such as `real`, `3-5` or `real+5`; a regime; or a share of the
    synthetic images, `as_is` for no such condition."""
    levels: tuple[str, ...] = ()
    """The usual levels, if the axis has such."""


AXES: dict[str, Axis] = {
    "encoder": Axis(field="model.encoder", levels=RESNETS),
    "decoder": Axis(field="model.decoder", levels=DECODERS),
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
    "augmentation": Axis(field="augmentation.transforms", kind="set", levels=("none", "all")),
    "augmentation_policy": Axis(field="augmentation.policy", levels=get_args(Policy)),
    "augmentation_probability": Axis(field="augmentation.probability"),
    **{name: Axis(field=f"augmentation.transforms.{name}", kind="switch", levels=("off", "on")) for name in TRANSFORMS},
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


def factor(name: str, values: Iterable[str | float] | None = None) -> Factor:
    """Build the factor of an axis from the texts of its levels.

    An encoder may name its weights after `@`: `encoder=lite0,resnet18@none`. A single text with two dots is a
    range: `decoder_learning_rate=0.0001..0.01` (logarithmic where both ends are above 0), `0..0.5`.

    Args:
        name: Name of an axis.
        values: The levels, as texts or as plain numbers and switches; the axis' usual ones if None.

    Raises:
        UserError: There is no such axis, or it refuses a value.
    """
    axis = find(name)
    texts = [_text(value).strip() for value in (values if values is not None else axis.levels)]
    if "" in texts:
        raise UserError(f"axis {name!r} has an empty level; {_how_to_write(axis)}")
    if len(texts) == 1 and axis.kind in ("value", "share") and ".." in texts[0]:
        return Factor(name=name, range=_value_range(name, axis, texts[0]))
    return Factor(name=name, levels=tuple(_level(name, axis, text) for text in texts))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def find(name: str) -> Axis:
    """Return an axis by name; `share.seat.empty` is the share of synthetic images whose tag `seat` is `empty`.

    Raises:
        UserError: There is none; the message lists them.
    """
    if name.startswith(SHARE):
        return Axis(field=share_field(name), kind="share")
    if name not in AXES:
        common = [known for known, axis in AXES.items() if axis.field.count(".") == 1]
        raise UserError(
            f"there is no axis {name!r}; choose one of {', '.join(common)}, or TRANSFORM (on, off), "
            f"TRANSFORM_probability or TRANSFORM_strength with one of {', '.join(TRANSFORMS)}, or {SHARE}TAG.VALUE"
        )
    return AXES[name]


def _how_to_write(axis: Axis) -> str:
    if axis.field == "data.sources":
        return "write all for all data sets, else a+b"
    if axis.kind == "set":
        return "write none for the empty set, else a+b"
    return "write each value between the commas"


def _value_range(name: str, axis: Axis, text: str) -> Range:
    low, _, high = text.partition("..")
    try:
        ends = (float(low), float(high))
    except ValueError:
        raise UserError(f"axis {name!r}: a range is two numbers such as 0.0001..0.01, but got {text!r}") from None
    for end in ends:
        found = _value(_checked({axis.field: end}), axis.field)
        if not isinstance(found, float):
            raise UserError(f"axis {name!r} takes whole numbers or names, so that a range makes no sense: give levels")
    return Range(field=axis.field, low=ends[0], high=ends[1], log=ends[0] > 0)


def _level(name: str, axis: Axis, text: str) -> Level:
    if axis.kind == "set":
        return _set_level(name, axis, text)
    if axis.kind == "switch":
        return _switch_level(name, axis, text)
    if axis.kind == "architecture":
        return _architecture_level(name, text)
    if axis.kind == "training_data":
        return _training_data_level(name, text)
    if axis.kind == "regime":
        return _regime_level(name, text)
    if axis.kind == "share" and text == AS_IS:
        return Level(label=AS_IS, fields={axis.field: None})
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
    if name == "context":
        members = tuple(sorted({_label(member) for member in members}))
    else:
        members = _value(_checked({axis.field: members}), axis.field)
    return Level(label=text, fields={axis.field: members})


def _switch_level(name: str, axis: Axis, text: str) -> Level:
    states = {"on": True, "off": False, "true": True, "false": False}
    if text not in states:
        raise UserError(f"axis {name!r} is on or off, but got {text!r}")
    return Level(label="on" if states[text] else "off", fields={axis.field: states[text]})


def _architecture_level(name: str, text: str) -> Level:
    decoder, slash, encoder = text.partition("/")
    if not slash:
        raise UserError(f"axis {name!r} takes DECODER/ENCODER such as unetplusplus/resnet34, but got {text!r}")
    model = _checked({"model.decoder": decoder, "model.encoder": encoder}).model
    fields = {"model.decoder": model.decoder, "model.encoder": model.encoder}
    return Level(label=f"{model.decoder}/{model.encoder}", fields=fields)


def _training_data_level(name: str, text: str) -> Level:
    members = _members("generations", text)
    if not members or "" in members:
        raise UserError(f"axis {name!r} takes real, generations, or both such as real+3-5, but got {text!r}")
    generations = tuple(sorted({member for member in members if member != "real"}))
    return Level(label=text, fields={"data.real": "real" in members, "data.generations": generations})


def _regime_level(name: str, text: str) -> Level:
    regime, _, named = text.partition("@")
    if regime not in AXES["regime"].levels or (regime == "real" and named):
        raise UserError(
            f"axis {name!r} takes real, synthetic or synthetic_then_real, the latter two with generations such as "
            f"synthetic@3-5 (default {PRETRAINED_ON}), but got {text!r}"
        )
    generations = tuple(sorted(set(_members("generations", named or PRETRAINED_ON))))
    fields = {
        "data.real": regime != "synthetic",
        "data.generations": generations if regime == "synthetic" else (),
        "pretraining.generations": generations if regime == "synthetic_then_real" else (),
    }
    return Level(label=text, fields=fields)


def _label(text: str) -> str:
    try:
        return canonical_label(text)
    except ValueError as error:
        raise UserError(f"axis 'context': {error}") from None


def _checked(fields: dict[str, Any]) -> TrialConfig:
    # With real images, every share of synthetic ones makes sense.
    return TrialConfig().with_fields({"data.real": True, **fields})


def _value(config: TrialConfig, path: str) -> Any:  # noqa: ANN401  (the field's own type)
    if path.startswith(SHARE_FIELD):
        return field_value(config.model_dump(), path)
    return operator.attrgetter(path)(config)


def _members(name: str, text: str) -> tuple[str, ...]:
    if text == ("all" if name == "sources" else "none"):
        return ()
    if name == "augmentation" and text == "all":
        return TRANSFORMS
    members: list[str] = []
    for part in (part.strip() for part in text.split("+")):
        found = re.fullmatch(r"(\d{1,6})-(\d{1,6})", part, re.ASCII) if name in ("generations", "pretraining") else None
        members += _range(part, int(found[1]), int(found[2])) if found else [part]
    return tuple(members)


def _range(text: str, first: int, last: int) -> list[str]:
    if not first < last <= first + _LONGEST_RANGE:
        raise UserError(f"generations {text}: a range must rise, by at most {_LONGEST_RANGE}; write it as 3-5")
    return [str(generation) for generation in range(first, last + 1)]
