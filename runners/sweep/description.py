"""The description of a sweep, `sweep.json`: everything that its decisions and trainings depend on."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from runners.core.halving import check_rungs
from runners.core.plan import Limits, Plan
from search_spaces.factors import Factor, Level, Range
from search_spaces.space import Cell, Exclusion, NamedArm, Propose, Prune, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import content_hash

FORMAT = 1


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
    """A continuous factor."""

    field: str
    low: float
    high: float
    log: bool


class SweepFactor(_Record):
    """A factor with the configuration fields of its levels."""

    name: str
    levels: dict[str, dict[str, Any]] = {}
    """Label -> dotted field -> value."""
    range: SweepRange | None = None

    @classmethod
    def of(cls, factor: Factor) -> SweepFactor:
        """Return the record of a factor."""
        found = factor.range
        kept = SweepRange(field=found.field, low=found.low, high=found.high, log=found.log) if found else None
        return cls(name=factor.name, levels={x.label: dict(x.fields) for x in factor.levels}, range=kept)

    def factor(self) -> Factor:
        """Return the factor."""
        levels = tuple(Level(label=label, fields=fields) for label, fields in self.levels.items())
        return Factor(name=self.name, levels=levels, range=Range(**self.range.model_dump()) if self.range else None)


class SweepExclusion(_Record):
    """Levels that do not go together."""

    reason: str
    labels: dict[str, tuple[str, ...]]


class SweepDescription(_Record):
    """What `sweep.json` holds: everything that decisions and trainings depend on."""

    format: Literal[1] = 1
    identity: str = ""
    """Drawn at random when the sweep is created, and repeated in its journal, its segments in a bucket, its tables and
    the working copy: files of another sweep are told apart by it. Empty in sweeps from before there was one."""
    study: str
    question: str
    base: TrialConfig
    factors: tuple[SweepFactor, ...]
    exclusions: tuple[SweepExclusion, ...] = ()
    arms: dict[str, dict[str, Any]] = {}
    """Arms beside the space -> dotted field -> value."""
    design: str = "full"
    baseline: Cell = {}
    """The cell of table 3.3, from which one-factor designs and differences start."""
    propose: Propose
    prune: Prune
    rungs: tuple[int, ...]
    eta: int
    exempt_every: int
    retries: int
    data: tuple[DataSource, ...]
    select_on: str
    """Domain of the selection set."""
    selection: tuple[tuple[int, int], ...]
    """The selection set: (data set, row) of each image, fixed before the first trial."""
    subjects_per_data_set: bool = True
    """Whether subjects of one name in several data sets are different people; True where no name is shared."""
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

    def relocated(self, other: SweepDescription) -> SweepDescription:
        """Return this sweep with data sets and weights where another description, of the same data, has them."""
        pairs = zip(self.data, other.data, strict=True)
        data = tuple(mine if mine.path == theirs.path else theirs for mine, theirs in pairs)
        return self.model_copy(update={"data": data, "weights_folder": other.weights_folder})

    def arms_hash(self) -> str:
        """Return a hash of the design: of what is tried, in its order."""
        fields = {"factors", "exclusions", "arms", "design", "baseline"}
        return content_hash(self.model_dump(mode="json", include=fields))[:16]

    def extended(self, other: SweepDescription) -> SweepDescription | None:
        """Return this sweep with the further levels of another description, None if that is more than an extension.

        Every trial of this sweep must be one of the other: no level is taken away or changed, nothing else differs
        but the full epochs, which the limits of a session raise.
        """
        epochs = {"epochs": self.base.epochs, "pretraining.epochs": self.base.pretraining.epochs}
        same = {"base": other.base.with_fields(epochs), "factors": self.factors, "weights": self.weights}
        if self.prune == "none":
            same["rungs"] = self.rungs
        same["baseline"] = self.baseline
        if self.differences(other.model_copy(update=same)):
            return None
        mine = {factor.name: factor for factor in self.factors}
        if list(mine) != [factor.name for factor in other.factors]:
            return None
        for factor in other.factors:
            old = mine[factor.name]
            if old.range != factor.range or any(factor.levels.get(k) != v for k, v in old.levels.items()):
                return None
        if any(other.weights.get(name) != digest for name, digest in self.weights.items()):
            return None
        return self.model_copy(update={"factors": other.factors, "weights": other.weights})

    def space(self) -> Space:
        """Return the search space."""
        return Space(
            factors=tuple(factor.factor() for factor in self.factors),
            exclusions=tuple(Exclusion(reason=item.reason, labels=item.labels) for item in self.exclusions),
            arms=tuple(NamedArm(name=name, fields=fields) for name, fields in self.arms.items()),
        )

    def plan(self, limits: Limits) -> Plan:
        """Return the plan of a session with its limits."""
        epochs = limits.max_epochs or self.base.epochs
        return Plan(
            space=self.space(),
            base=self.base.with_fields({"epochs": epochs}),
            propose=self.propose,
            prune=self.prune,
            rungs=check_rungs(self.rungs, epochs),
            eta=self.eta,
            exempt_every=self.exempt_every,
            design_name=self.design,
            baseline=self.baseline,
            limits=limits,
            retries=self.retries,
        )

    def differences(self, other: SweepDescription) -> list[str]:
        """Return what differs in anything that would falsify earlier rows, one line each."""
        lines = []
        for name in _FIXED:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                lines += _differing(name, _plain(mine), _plain(theirs))
        mine_data = [(source.name, source.fingerprint) for source in self.data]
        theirs_data = [(source.name, source.fingerprint) for source in other.data]
        if mine_data != theirs_data:
            lines.append(f"data: {_short(mine_data)} there, {_short(theirs_data)} now")
        return lines


_FIXED = (
    "study",
    "base",
    "factors",
    "exclusions",
    "arms",
    "design",
    "propose",
    "prune",
    "rungs",
    "eta",
    "select_on",
    "selection",
    "subjects_per_data_set",
    "weights",
)


def _plain(value: Any) -> Any:  # noqa: ANN401  (any field of a description)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple) and value and all(isinstance(item, SweepFactor) for item in value):
        return {item.name: list(item.levels) or item.model_dump()["range"] for item in value}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _differing(place: str, mine: Any, theirs: Any) -> list[str]:  # noqa: ANN401  (any JSON values)
    """Return what differs between two values, one line for each innermost place."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        names = [*mine, *(name for name in theirs if name not in mine)]
        lines = [_differing(f"{place}.{name}", mine.get(name), theirs.get(name)) for name in names]
        return [line for found in lines for line in found]
    return [] if mine == theirs else [f"{place}: {_short(mine)} there, {_short(theirs)} now"]


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 100 else text[:97] + "..."
