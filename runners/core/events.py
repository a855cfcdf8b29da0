"""Events of a ledger: frozen records whose sequence is the history of a sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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
