"""The protocol between driver and worker: the task of a leg, and the messages that report it.

Both cross process boundaries as JSON. The models are strict, so that a typo fails where it is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from seatbelt.config.trial import TrialConfig


class LegTask(BaseModel):
    """Everything that a worker needs to run a leg."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_key: str
    attempt: int
    config: TrialConfig
    recorded_epochs: int
    """Epochs that the ledger holds; they are never reported again."""
    stop: int
    """Epoch after which the leg ends."""
    sweep: str
    """The sweep folder, which holds what all legs share: data sets, selection set, weights, resources."""
    checkpoints: str
    full_epochs: int
    """The trial is complete, and tested, after this epoch."""
    stage: str | None = None
    """Folder with the checkpoint of the pretraining that the trial begins with."""
    micro_batch: int | None = None
    """Images per backward pass, if recorded epochs settled it."""
    gpu_share: float | None = None
    """Share of a GPU's memory that the leg may take. The engine sets it."""
    owns_gpu: bool = False
    """A GPU is reserved for the leg, so it never falls back to the CPU. The engine sets it."""
    software: dict[str, str] = {}
    """Versions and code hashes of the driver, which the worker must share. The engine sets it."""
    step_seconds: float = 7200.0
    """The watchdog ends a worker whose leg measures no epoch for this long. The engine sets it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a worker runs: a node, and the GPUs on it that the worker may use."""

    node: str
    """Ray's identifier of the node."""
    host: str
    gpus: tuple[str, ...] = ()
    """Ray's numbers of the GPUs."""
    uuids: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identity of the place within a session."""
        return f"{self.node} {','.join(self.gpus)}"

    def __str__(self) -> str:
        if not self.gpus:
            return self.host
        return f"{self.host} GPU {','.join(self.gpus)}" + (f" ({','.join(self.uuids)})" if self.uuids else "")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkerPlaced(_Message):
    """First message from a worker of a cluster."""

    kind: Literal["placed"] = "placed"
    place: Place
    held: bool
    """The worker keeps an excluded GPU busy and runs no leg."""


class LegFacts(_Message):
    """What runs the leg: device, parameters, versions. It comes again if the micro-batch had to shrink."""

    kind: Literal["began"] = "began"
    facts: dict[str, Any]


class LegWarning(_Message):
    """Something that a person should read; the leg continues."""

    kind: Literal["warning"] = "warning"
    text: str


class EpochReport(_Message):
    """The metrics of one epoch, with the column names of the table `epochs`."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    metrics: dict[str, Any]


class LegResult(_Message):
    """The last message of a leg."""

    kind: Literal["ended"] = "ended"
    outcome: Literal["paused", "complete", "diverged", "out_of_memory", "fault", "error"]
    """A `fault` is the machine's (a full disk, a broken GPU, missing data); an `error` is the trial's."""
    epoch: int | None = None
    """Last epoch of the leg; None if an exception ended it."""
    error: str | None = None
    test: dict[str, Any] | None = None
    """Test scores, if the trial is complete."""
    images: list[dict[str, Any]] = []
    """Scores of each test image, if the trial is complete."""
    final: bool = False
    """The same error would come again, so that a retry is pointless."""
    ends_process: bool = False
    """The fault leaves the worker's process unusable."""
    breaks_gpu: bool = False
    """The fault leaves the GPU unusable, at least for this process."""


LegMessage = WorkerPlaced | LegFacts | LegWarning | EpochReport | LegResult

_MESSAGES: TypeAdapter[list[LegMessage]] = TypeAdapter(list[Annotated[LegMessage, Field(discriminator="kind")]])


def to_json(messages: list[LegMessage]) -> str:
    """Return messages as JSON text."""
    # Pydantic's own JSON turns NaN into null, and a diverged epoch reports NaN.
    return json.dumps(_MESSAGES.dump_python(messages))


def from_json(text: str) -> list[LegMessage]:
    """Return the messages that `to_json` wrote."""
    return _MESSAGES.validate_python(json.loads(text))
