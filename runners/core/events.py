"""What a ledger records: each event is a frozen record, and a sweep's history is their sequence."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from seatbelt.records.identity import KEY_DIGITS
from seatbelt.records.sweep import Role as Role


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
    sweep: str = ""
    """Identity of the sweep; empty in sweeps from before there was one."""
    options: dict[str, Any] = field(default_factory=dict)
    """Where and how it runs (`runners.session.options.RUN_OPTIONS`): a session that resumes it does the same."""


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
    """Where its checkpoint is: a folder or a URL."""
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


Outcome = Literal["paused", "complete", "diverged", "out_of_memory", "failed", "error", "lost", "fault", "interrupted"]
"""How a leg ended. After `error`, `lost`, `fault` and `interrupted` the trial is tried again."""

DecisionKind = Literal["proposal", "continuation", "promotion", "prune", "stable", "finish"]
"""What was decided."""


@dataclass(frozen=True, kw_only=True)
class LegEnded:
    """A leg ended."""

    trial_key: str
    attempt: int
    outcome: Outcome
    epoch: int
    at: float
    error: str | None = None
    test: dict[str, Any] | None = None
    images: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision, with the numbers it was based on."""

    kind: DecisionKind
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
class ScalesLearned:
    """The scales of the factorial model were learned: they hold until the next ones, also when a sweep is resumed."""

    trials: int
    """Trials with a score that there were."""
    factors: list[str]
    epochs: list[int]
    """Epochs whose scores are modelled."""
    numbers: list[float]
    """The scales as `analysis.statistics.factorial.scales.Packing` packs them."""
    at: float


@dataclass(frozen=True, kw_only=True)
class CertaintyJudged:
    """How sure it is that the recommended arm is among the best."""

    trials: int
    """Trials with a score that there were."""
    within: float
    """How much less than the best it may have, IoU."""
    cell: dict[str, str]
    probability: float | None
    """None where nothing tells the noise between replicates; the ledger holds the model's number in any case."""
    rival: dict[str, str] | None
    """The cell that most often is better by more; None where that never was drawn."""
    more: int | None
    """Roughly how many trials of these two it would take to be sure; None without a rival."""
    at: float


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
    | ScalesLearned
    | CertaintyJudged
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
    """Return the event that `to_json` wrote; a ledger of somebody else may hold anything.

    Raises:
        ValueError: An unknown type, fields that do not fit, or a key or path that no sweep of ours has: keys become
            names of folders.
    """
    if not isinstance(value, dict):
        raise ValueError("an event is a JSON object")
    given = dict(value)
    kind = _TYPES.get(str(given.pop("type", None)))
    if kind is None:
        raise ValueError(f"unknown event type {value.get('type')!r}")
    unknown = sorted(given.keys() - _FIELDS[kind])
    if unknown:
        raise ValueError(f"{value['type']} has no field {unknown[0]!r}")
    try:
        event: Event = _ADAPTERS[kind].validate_python(given)
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
