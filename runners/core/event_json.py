"""Events as JSON objects, the form in which the ledger stores them."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from runners.core.events import (
    Adopted,
    CertaintyJudged,
    ClockRead,
    Decided,
    EpochMeasured,
    Event,
    LegBegan,
    LegEnded,
    LegStarted,
    Planned,
    Retried,
    ScalesLearned,
    SessionOpened,
    StageFound,
    StageHeld,
    TestRead,
)
from seatbelt.records.identity import KEY_DIGITS

_TYPES: dict[str, type[Any]] = {
    "session": SessionOpened,
    "planned": Planned,
    "adopted": Adopted,
    "stage_found": StageFound,
    "stage_held": StageHeld,
    "test_read": TestRead,
    "retried": Retried,
    "leg_started": LegStarted,
    "leg_began": LegBegan,
    "epoch": EpochMeasured,
    "leg_ended": LegEnded,
    "decided": Decided,
    "scales": ScalesLearned,
    "certainty": CertaintyJudged,
    "clock": ClockRead,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_ADAPTERS = {kind: TypeAdapter(kind) for kind in _TYPES.values()}
_FIELDS = {kind: {item.name for item in fields(kind)} for kind in _TYPES.values()}

_KEY = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}")
_KEY_FIELDS = ("trial_key", "arm_key", "stage")
_STORED_STAGE = re.compile(r"(/|(s3|gs)://).*/[0-9a-f]{16}/checkpoint(-[0-9a-f]{8})?")


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {"type": _NAMES[type(event)], **asdict(event)}


def from_json(value: dict[str, Any]) -> Event:
    """Return the event that `to_json` wrote.

    Raises:
        ValueError: An unknown type, wrong fields, or a key or path that no sweep writes. Keys become names of folders,
            and a ledger from somewhere else may hold anything.
    """
    if not isinstance(value, dict):
        raise ValueError("an event is a JSON object")
    values = dict(value)
    kind = _TYPES.get(str(values.pop("type", None)))
    if kind is None:
        raise ValueError(f"unknown event type {value.get('type')!r}")
    unknown = sorted(values.keys() - _FIELDS[kind])
    if unknown:
        raise ValueError(f"{value['type']} has no field {unknown[0]!r}")
    try:
        event: Event = _ADAPTERS[kind].validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{value['type']}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_keys(event)
    return event


def _check_keys(event: Event) -> None:
    for name in _KEY_FIELDS:
        key = getattr(event, name, None)
        if key is not None and not _KEY.fullmatch(key):
            raise ValueError(f"{name} must be {KEY_DIGITS} hex digits, but is {key[:40]!r}")
    if isinstance(event, StageFound):
        if ".." in event.path.split("/") or not _STORED_STAGE.fullmatch(event.path):
            raise ValueError(f"path must be a stage of a store, but is {event.path[:80]!r}")
