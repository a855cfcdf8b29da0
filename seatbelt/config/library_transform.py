"""A transform of albumentations by name, with parameters: a part of the augmentation (`seatbelt.config.augmentation`).

Whether albumentations has the transform and accepts the parameters is checked before the first trial
(`seatbelt.data.augmentation.library`), because this package loads no library.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import field_validator

from seatbelt.config.data import Record

_PROBABILITY = "p"


class LibraryTransform(Record):
    """One transform of albumentations."""

    name: str
    """Its class, such as `MotionBlur`."""
    parameters: str = "{}"
    """Its parameters as JSON in canonical form, so that equal parameters have one identity. A mapping is accepted too.
    `p` is the probability of the transform under the policy `independent`; without it the common one counts."""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z]\w*", value, re.ASCII):
            raise ValueError(f"the name of a transform consists of letters and digits, but got {value!r}")
        return value

    @field_validator("parameters", mode="before")
    @classmethod
    def _canonical(cls, value: Any) -> str:  # noqa: ANN401  (pydantic passes the user's input)
        try:
            values = json.loads(value) if isinstance(value, str) else value
            text = canonical_parameters(values) if isinstance(values, dict) else None
        except (TypeError, ValueError):
            text = None
        if text is None:
            raise ValueError(f"parameters are a mapping of names to numbers, texts and lists, but got {value!r}")
        probability = json.loads(text).get(_PROBABILITY, 0)
        if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
            raise ValueError(f"p must be a probability from 0 to 1, but got {probability!r}")
        return text

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters without the probability."""
        return {name: value for name, value in json.loads(self.parameters).items() if name != _PROBABILITY}

    @property
    def probability(self) -> float | None:
        """The transform's own probability, None for the common one."""
        value: float | None = json.loads(self.parameters).get(_PROBABILITY)
        return value


def canonical_parameters(values: dict[str, Any]) -> str:
    """Return the one JSON text of some parameters: sorted keys, no spaces, whole floats as integers.

    Raises:
        TypeError: A value is no JSON value.
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(_whole(values), sort_keys=True, separators=(",", ":"), allow_nan=False)


def library_records(value: Any) -> Any:  # noqa: ANN401  (the user's input)
    """Return the records of a mapping from names to parameters; other values as they are."""
    if not isinstance(value, dict):
        return value
    return tuple({"name": name, "parameters": parameters} for name, parameters in value.items())


def _whole(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    if isinstance(value, dict):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
