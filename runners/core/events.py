"""Events of a ledger: frozen records whose sequence is the history of a sweep."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from seatbelt.records.identity import KEY_DIGITS
from seatbelt.records.sweep import Role as Role


@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """A driver became the writer; legs that an earlier driver left running are interrupted."""

    session: str
    host: str
    pid: int
    limits: dict[str, Any]
    at: float
    arms: str = ""
    """Hash of the design. After a change the search starts over at the first arm and skips what is there."""
    sweep: str = ""
    """Identity of the sweep; empty in old sweeps."""
    options: dict[str, Any] = field(default_factory=dict)
    """Where and how it runs (`runners.session.options.REPEATED`); the next session repeats these."""


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
    """Key of the stage that it begins with and waits for."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """A trial that exists for another reason became an arm of the search too."""

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
    """Folder or URL of its checkpoint."""
    seconds: float
    """Seconds that its training took."""
    at: float


@dataclass(frozen=True, kw_only=True)
class StageHeld:
    """Another sweep is training a stage that this one needs; `by` is None once it gave up."""

    stage: str
    by: str | None
    at: float


@dataclass(frozen=True, kw_only=True)
class TestRead:
    """A command showed test scores."""

    command: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A trial that ended without success will be tried again."""

    trial_key: str
    at: float


@dataclass(frozen=True, kw_only=True)
class LegStarted:
    """A worker received a leg."""

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
    """The scales of the factorial model were estimated; they hold until the next estimate, across sessions too."""

    trials: int
    """Number of trials with a score at that time."""
    factors: list[str]
    epochs: list[int]
    """Epochs whose scores the model reads."""
    numbers: list[float]
    """The scales as `analysis.statistics.factorial.scales.Packing` packs them."""
    at: float


@dataclass(frozen=True, kw_only=True)
class CertaintyJudged:
    """The probability that the recommended arm is among the best was computed."""

    trials: int
    """Number of trials with a score at that time."""
    within: float
    """Margin below the best arm, IoU."""
    cell: dict[str, str]
    probability: float | None
    """None where no replicates tell the noise; the ledger always holds the model's number."""
    rival: dict[str, str] | None
    """The cell that most often beats it by more than the margin; None if no draw has one."""
    more: int | None
    """Roughly the number of further trials of these two that would settle it; None without a rival."""
    at: float


@dataclass(frozen=True, kw_only=True)
class ClockRead:
    """The time of a decision, recorded if the sweep has a limit in hours."""

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
