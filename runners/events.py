"""What a ledger records: each event is a frozen record, and a sweep's history is their sequence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """A driver took the sweep over; legs that an earlier one left running are interrupted."""

    session: str
    host: str
    pid: int
    limits: dict[str, Any]
    at: float
    arms: str = ""
    """Hash of the design: where it changed, the design is gone through anew for what is missing."""


Role = Literal["arm", "stage", "confirmation", "copied"]
"""Why a trial is there: as an arm of the search, as a stage that others begin with, with a fresh seed to confirm an
arm, or taken over from another sweep."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A trial was proposed."""

    trial_key: str
    arm_key: str
    number: int
    position: int
    """Position in the design that proposed it."""
    cell: dict[str, str]
    replicate: int
    config: dict[str, Any]
    exempt: bool
    by: str
    at: float
    role: Role = "arm"
    stage: str | None = None
    """Key of the stage that it begins with; it waits for that."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """A trial that is there for another reason became an arm of the search too."""

    trial_key: str
    position: int
    cell: dict[str, str]
    replicate: int
    by: str
    at: float


@dataclass(frozen=True, kw_only=True)
class StageFound:
    """A shared stage store has a stage that this sweep needs."""

    stage: str
    path: str
    """Folder of its checkpoint."""
    seconds: float
    """Seconds of training that it took where it was made."""
    at: float


@dataclass(frozen=True, kw_only=True)
class StageHeld:
    """Another sweep is training a stage that this one needs, or (`by` is None) has given it up."""

    stage: str
    by: str | None
    at: float


@dataclass(frozen=True, kw_only=True)
class TestRead:
    """Somebody looked at test scores."""

    command: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A trial that had ended without success is to be tried again."""

    trial_key: str
    at: float


@dataclass(frozen=True, kw_only=True)
class LegStarted:
    """A leg was handed to a worker."""

    trial_key: str
    attempt: int
    start: int
    stop: int
    at: float


@dataclass(frozen=True, kw_only=True)
class LegBegan:
    """A worker reported what runs the leg."""

    trial_key: str
    attempt: int
    facts: dict[str, Any]
    at: float


@dataclass(frozen=True, kw_only=True)
class EpochMeasured:
    """The metrics of an epoch."""

    trial_key: str
    attempt: int
    epoch: int
    score: float
    """Selection IoU."""
    metrics: dict[str, Any]
    at: float


@dataclass(frozen=True, kw_only=True)
class LegEnded:
    """A leg ended: paused, complete, diverged, out_of_memory, failed or interrupted."""

    trial_key: str
    attempt: int
    outcome: str
    epoch: int
    at: float
    error: str | None = None
    test: dict[str, Any] | None = None
    images: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision, with the numbers it was based on."""

    kind: str
    by: str
    reason: str
    trial_key: str | None = None
    epoch: int | None = None
    score: float | None = None
    rank: int | None = None
    compared: int | None = None
    allowed: int | None = None
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ClockRead:
    """The time at which a decision was asked for, recorded when the sweep has a limit in hours."""

    at: float


Event = (
    SessionOpened
    | Planned
    | Adopted
    | StageFound
    | StageHeld
    | TestRead
    | Retried
    | LegStarted
    | LegBegan
    | EpochMeasured
    | LegEnded
    | Decided
    | ClockRead
)

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
    "clock": ClockRead,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {"type": _NAMES[type(event)], **asdict(event)}


def from_json(value: dict[str, Any]) -> Event:
    """Return the event that `to_json` wrote.

    Raises:
        ValueError: An unknown type, or fields that do not fit.
    """
    fields = dict(value)
    kind = _TYPES.get(str(fields.pop("type", None)))
    if kind is None:
        raise ValueError(f"unknown event type {value.get('type')!r}")
    try:
        event: Event = kind(**fields)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return event
