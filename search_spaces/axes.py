"""Factors from the texts of `--set NAME=a,b` and `--fix NAME=value`."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

from search_spaces.axis_table import AXES, Axis, find_axis
from search_spaces.factors import Factor, Level, Range
from search_spaces.library_levels import library_level
from search_spaces.shares import AS_IS
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.field_paths import SHARE_FIELD, field_value
from seatbelt.config.notation import canonical_label
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

_LONGEST_RANGE = 100

PRETRAINED_ON = "2-6"
"""Default synthetic generations of a regime (ours: those of the thesis' best model)."""

_NUMBERS = ("output_stride", "encoder_depth")
"""Axes with a closed set of numbers, which the configuration does not accept as text."""


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
    if axis.kind == "library":
        return library_level(name, axis.field, text)
    if axis.kind == "share" and text == AS_IS:
        return Level(label=AS_IS, fields={axis.field: None})
    fields: dict[str, Any] = {axis.field: int(text) if name in _NUMBERS and text.isdecimal() else text}
    if name == "encoder" and "@" in text:
        encoder, _, weights = text.partition("@")
        fields = {axis.field: encoder, AXES["weights"].field: weights}
    # The configuration validates its own values and gives each its canonical form: 4.0 and 4 are alike.
    checked = _checked(fields)
    values = {path: _value(checked, path) for path in fields}
    label = "@".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values.values())
    return Level(label=label, fields=values)


def _set_level(name: str, axis: Axis, text: str) -> Level:
    members = _members(name, text)
    if "" in members:
        raise UserError(f"axis {name!r} has an empty member in {text!r}; {_how_to_write(axis)}")
    # A set of labels may be valid only with another target, so it is checked with the whole cell.
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
    # Every synthetic share is valid beside real images.
    return TrialConfig().with_fields({"data.real": True, **fields})


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
