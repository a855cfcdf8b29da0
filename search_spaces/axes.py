"""Factors from the texts of `--set NAME=a,b` and `--fix NAME=value`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from search_spaces.axis_table import AXES, Axis, find_axis
from search_spaces.factors import Factor, Level, Range
from search_spaces.library_levels import library_level
from search_spaces.shares import AS_IS
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.field_paths import SHARE_FIELD, field_value
from seatbelt.config.loss import LOSSES, LossConfig
from seatbelt.config.notation import canonical_label
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

_LONGEST_RANGE = 100

PRETRAINED_ON = "2-6"
"""Default synthetic generations of a regime (ours: those of the thesis' best model)."""

_NUMBERS = ("output_stride", "encoder_depth")
"""Axes with a closed set of numbers, which the configuration does not accept as text."""

_OPTIONAL = ("averaging", "gradient_clipping", "training_crop")
"""Axes whose level `none` is the absence of a value."""


def factor(name: str, values: Iterable[str | float] | None = None) -> Factor:
    """Build the factor of an axis from the texts of its levels.

    An encoder may name its weights after `@`: `encoder=lite0,resnet18@none`. A single text with two dots is a
    range: `decoder_learning_rate=0.0001..0.01` (logarithmic where both ends are above 0), `0..0.5`.

    Args:
        name: Name of an axis.
        values: The levels, as text, numbers or booleans; the default levels of the axis if None.

    Raises:
        UserError: The axis does not exist, or a value is invalid.
    """
    axis = find_axis(name)
    texts = [_text(value).strip() for value in (values if values is not None else axis.levels)]
    if "" in texts:
        raise UserError(f"axis {name!r} has an empty level; {_how_to_write(axis)}")
    if len(texts) == 1 and axis.kind in ("value", "share") and ".." in texts[0]:
        return Factor(name=name, range=_value_range(name, axis, texts[0]))
    return Factor(name=name, levels=tuple(_level(name, axis, text) for text in texts))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
        value = _value(_checked({axis.field: end}), axis.field)
        if not isinstance(value, float):
            raise UserError(f"axis {name!r} takes whole numbers or names, so that a range makes no sense: give levels")
    return Range(field=axis.field, low=ends[0], high=ends[1], log=ends[0] > 0)


def _level(name: str, axis: Axis, text: str) -> Level:
    return _LEVELS[axis.kind](name, axis, text)


def _value_level(name: str, axis: Axis, text: str) -> Level:
    if text == "none" and name in _OPTIONAL:
        return Level(label=text, fields={axis.field: None})
    fields: dict[str, Any] = {axis.field: int(text) if name in _NUMBERS and text.isdecimal() else text}
    if name == "encoder" and "@" in text:
        encoder, _, weights = text.partition("@")
        fields = {axis.field: encoder, AXES["weights"].field: weights}
    # The configuration validates its own values and gives each its canonical form: 4.0 and 4 are alike.
    checked = _checked(fields)
    values = {path: _value(checked, path) for path in fields}
    label = "@".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values.values())
    return Level(label=label, fields=values)


def _share_level(name: str, axis: Axis, text: str) -> Level:
    return Level(label=AS_IS, fields={axis.field: None}) if text == AS_IS else _value_level(name, axis, text)


def _set_level(name: str, axis: Axis, text: str) -> Level:
    members = _members(name, text)
    if "" in members:
        raise UserError(f"axis {name!r} has an empty member in {text!r}; {_how_to_write(axis)}")
    # A set of labels may be valid only with another target, so it is checked with the whole cell.
    if name == "context":
        members = tuple(sorted({_label(member) for member in members}))
    elif name == "label_weights":
        members = _label_weights(members)
    else:
        members = _value(_checked({axis.field: members}), axis.field)
    return Level(label=text, fields={axis.field: members})


def _label_weights(members: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return LossConfig(label_weights=members).label_weights
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise UserError(f"axis 'label_weights': {reason}") from None


def _loss_level(name: str, axis: Axis, text: str) -> Level:
    weights: dict[str, Any] = {}
    for member in text.split("+"):
        loss, _, weight = member.strip().partition(":")
        if loss not in LOSSES or loss in weights:
            raise UserError(
                f"axis {name!r} takes losses joined by +, such as bce+boundary:0.5, of {', '.join(LOSSES)}, each once, "
                f"but got {text!r}"
            )
        weights[loss] = weight or "1"
    checked = _checked({f"loss.{loss}": weights.get(loss, "0") for loss in LOSSES})
    return Level(label=text, fields={f"loss.{loss}": weight for loss, weight in checked.loss.weights.items()})


def _switch_level(name: str, axis: Axis, text: str) -> Level:
    states = {"on": True, "off": False, "true": True, "false": False}
    if text not in states:
        raise UserError(f"axis {name!r} is on or off, but got {text!r}")
    return Level(label="on" if states[text] else "off", fields={axis.field: states[text]})


def _architecture_level(name: str, axis: Axis, text: str) -> Level:
    decoder, slash, encoder = text.partition("/")
    if not slash:
        raise UserError(f"axis {name!r} takes DECODER/ENCODER such as unetplusplus/resnet34, but got {text!r}")
    model = _checked({"model.decoder": decoder, "model.encoder": encoder}).model
    fields = {"model.decoder": model.decoder, "model.encoder": model.encoder}
    return Level(label=f"{model.decoder}/{model.encoder}", fields=fields)


def _training_data_level(name: str, axis: Axis, text: str) -> Level:
    members = _members("generations", text)
    if not members or "" in members:
        raise UserError(f"axis {name!r} takes real, generations, or both such as real+3-5, but got {text!r}")
    generations = tuple(sorted({member for member in members if member != "real"}))
    return Level(label=text, fields={"data.real": "real" in members, "data.generations": generations})


def _regime_level(name: str, axis: Axis, text: str) -> Level:
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


_LEVELS: dict[str, Callable[[str, Axis, str], Level]] = {
    "value": _value_level,
    "set": _set_level,
    "switch": _switch_level,
    "architecture": _architecture_level,
    "training_data": _training_data_level,
    "regime": _regime_level,
    "share": _share_level,
    "loss": _loss_level,
    "library": lambda name, axis, text: library_level(name, axis.field, text),
}
"""Kind of an axis -> builder of a level from its name, itself and a text."""


def _label(text: str) -> str:
    try:
        return canonical_label(text)
    except ValueError as error:
        raise UserError(f"axis 'context': {error}") from None


def _checked(fields: dict[str, Any]) -> TrialConfig:
    # Every synthetic share is valid beside real images, and every crop in large ones.
    return TrialConfig().with_fields({"data.real": True, "data.height": 4096, "data.width": 4096, **fields})


def _value(config: TrialConfig, path: str) -> Any:  # noqa: ANN401  (the field's own type)
    if path.startswith(SHARE_FIELD):
        return field_value(config.model_dump(), path)
    return operator.attrgetter(path)(config)


def _members(name: str, text: str) -> tuple[str, ...]:
    if text == ("all" if name == "sources" else "none"):
        return ()
    members: list[str] = []
    for part in (part.strip() for part in text.split("+")):
        if name == "augmentation" and part == "all":
            members += TRANSFORMS
            continue
        span = re.fullmatch(r"(\d{1,6})-(\d{1,6})", part, re.ASCII) if name in ("generations", "pretraining") else None
        members += _range(part, int(span[1]), int(span[2])) if span else [part]
    return tuple(members)


def _range(text: str, first: int, last: int) -> list[str]:
    if not first < last <= first + _LONGEST_RANGE:
        raise UserError(f"generations {text}: a range must rise, by at most {_LONGEST_RANGE}; write it as 3-5")
    return [str(generation) for generation in range(first, last + 1)]
