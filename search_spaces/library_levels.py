"""Levels of the axis of a transform of albumentations: `off`, `on`, or parameters such as `blur_limit:3..7+p:0.5`."""

from __future__ import annotations

import json
from typing import Any

from search_spaces.factors import Level
from seatbelt.config.library_transform import canonical_parameters
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

_PAIR = ".."


def library_level(axis: str, path: str, text: str) -> Level:
    """Return a level.

    Args:
        axis: Name of the axis.
        path: Field of the configuration.
        text: `off`, `on` (the defaults of albumentations), or parameters `NAME:VALUE` joined by `+`. A value is a
            number, `true`, `false`, `null`, a word, or `LOW..HIGH` for a pair.

    Raises:
        UserError: The text is none of these.
    """
    if text in ("off", "on"):
        return Level(label=text, fields={path: None if text == "off" else "{}"})
    values: dict[str, Any] = {}
    for part in text.split("+"):
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        if not (name.isidentifier() and colon and value) or name in values:
            raise UserError(
                f"axis {axis!r} takes off, on, or parameters such as blur_limit:3..7+p:0.5, each once, but got {text!r}"
            )
        values[name] = _value(value)
    # The configuration checks the name and the probability.
    TrialConfig().with_fields({path: values})
    return Level(label=text, fields={path: canonical_parameters(values)})


def _value(text: str) -> Any:  # noqa: ANN401  (any JSON value)
    if _PAIR in text:
        return [_value(end) for end in text.split(_PAIR)]
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | None) else text
