"""What `sweep.json` holds, typed: the one record of its writer and of all its readers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from seatbelt.config.field_paths import field_value
from seatbelt.errors import UserError

FORMAT = 1
"""Format of `sweep.json` that this version reads and writes."""

Role = Literal["arm", "stage", "confirmation", "copied"]
"""What a trial is: an arm of the search, a stage that others begin with, an arm with a fresh seed, or a copy from
another sweep."""

TrainedOn = Literal["training", "selection", "everything"]
"""Parts of the data that train: the training part; that, the validation part and the selection set; the test set too.
Only the first leaves honest scores."""

Cell = dict[str, str]
"""Factor name -> label of its level; of a named arm: `arm` -> its name."""

NAMED_ARM = "arm"
"""What stands for the factors in the cell of an arm beside the space."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataSource(_Record):
    """A data set of the sweep."""

    path: str
    name: str
    fingerprint: str
    """sha256 of its content; a changed data set is refused."""
    from_sweep: str | None = None
    """The path from the sweep's folder, tried where `path` is not there: both may have been moved together."""


class SweepRange(_Record):
    """The values of a continuous factor."""

    field: str
    low: float
    high: float
    log: bool = False
    """Whether equal ratios are equally likely, instead of equal differences."""


class SweepFactor(_Record):
    """A factor: its levels with the configuration fields that each sets, or a range."""

    name: str
    levels: dict[str, dict[str, Any]] = {}
    """Label -> dotted field -> value, in the order of the space; empty for a range."""
    range: SweepRange | None = None

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if not self.levels and self.range is None:
            raise ValueError("a factor needs levels or a range")
        return self

    def level_of(self, config: dict[str, Any]) -> str | None:
        """Return the level whose fields a configuration has, None if none fits."""
        for label, fields in self.levels.items():
            if all(field_value(config, path) == value for path, value in fields.items()):
                return label
        return None


class SweepExclusion(_Record):
    """Levels that do not go together."""

    reason: str
    labels: dict[str, tuple[str, ...]]


class SweepRecord(_Record):
    """What `sweep.json` holds: everything that decisions and trainings of a sweep depend on."""

    format: Literal[1] = 1
    identity: str = ""
    """Drawn at random when the sweep is created, and repeated in its journal, its segments in a bucket, its tables and
    the working copy: files of another sweep are told apart by it. Empty in sweeps from before there was one."""
    study: str
    question: str
    base: dict[str, Any]
    """The trial configuration that levels change."""
    factors: tuple[SweepFactor, ...]
    exclusions: tuple[SweepExclusion, ...] = ()
    arms: dict[str, dict[str, Any]] = {}
    """Arms beside the space -> dotted field -> value."""
    design: str = "full"
    baseline: Cell = {}
    """The cell of table 3.3, from which one-factor designs and differences start."""
    propose: str
    prune: str
    rungs: tuple[int, ...]
    eta: int
    """One of this many trials that reach a rung is promoted."""
    exempt_every: int
    retries: int
    data: tuple[DataSource, ...]
    select_on: str
    """Domain of the selection set."""
    selection: tuple[tuple[int, int], ...]
    """The selection set: (data set, row) of each image, fixed before the first trial."""
    subjects_per_data_set: bool = True
    """Whether subjects of one name in several data sets are different people; True where no name is shared."""
    trained_on: TrainedOn = "training"
    """Parts of the data that train; more than `training` in a final training, whose scores say nothing."""
    weights_folder: str | None = None
    """Where weights files were looked for first."""
    weights: dict[str, str | None]
    """`encoder weights` -> sha256 of the file that was resolved."""
    baselines: dict[str, float]
    """Selection IoU of predictors that look at no image."""
    device: str
    threads: int
    workers: int
    checkpoint_share: float
    keep_weights: str = "best"
    """Weights of finished trials that are kept: best, last, none or top:N."""
    created: str
    command: str
    versions: dict[str, str]
    code: dict[str, str] = {}
    """Module of this package -> hash of the code that decides numbers."""

    @property
    def prunes(self) -> bool:
        """Whether trials are stopped at rungs."""
        return self.prune != "none"


_ABSENT: dict[str, Any] = {
    "study": "",
    "question": "",
    "base": {},
    "factors": (),
    "propose": "",
    "prune": "none",
    "rungs": (),
    "eta": 3,
    "exempt_every": 0,
    "retries": 0,
    "data": (),
    "select_on": "unknown",
    "selection": (),
    "weights": {},
    "baselines": {},
    "device": "",
    "threads": 0,
    "workers": 0,
    "checkpoint_share": 0.0,
    "created": "",
    "command": "",
    "versions": {},
}
"""What a reader takes for a field that a `sweep.json` lacks."""


def read_record(place: str, values: Mapping[str, Any]) -> SweepRecord:
    """Return the record of a `sweep.json` as a reader takes it: missing fields have defaults, unknown ones are ignored.

    Args:
        place: The file, for the message.
        values: Its content.

    Raises:
        UserError: A field holds what no sweep writes.
    """
    try:
        return SweepRecord.model_validate({**_ABSENT, **values}, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{place} holds what no sweep writes ({field}: {first['msg']}); restore it from a backup"
        ) from None


def read_cell(text: object) -> Cell:
    """Return the cell of a row of the trials table.

    Raises:
        ValueError: The text is no JSON object.
    """
    cell = json.loads(str(text))
    if not isinstance(cell, dict):
        raise ValueError("a cell is a JSON object")
    return {str(name): str(level) for name, level in cell.items()}


def cell_text(cell: Mapping[str, str]) -> str:
    """Return `factor=level, ...`, or the name of a named arm."""
    return cell[NAMED_ARM] if set(cell) == {NAMED_ARM} else ", ".join(f"{name}={cell[name]}" for name in cell)
