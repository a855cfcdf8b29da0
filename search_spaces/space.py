"""Factors, levels and studies: what can vary, as data.

A level sets one or more dotted fields of the trial configuration. A cell is one level of each factor; the
cells of a finite space are numbered, so that a design is a sequence of cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.sweep import NAMED_ARM as NAMED_ARM
from seatbelt.records.sweep import Cell as Cell
from seatbelt.records.sweep import SweepFactor, SweepRange

Propose = Literal["exhaustive", "random", "optuna", "optuna-gp", "factorial"]
Prune = Literal["none", "asha"]

MOST_ENUMERABLE = 100_000
"""Larger spaces are not walked through cell by cell."""

_DIGITS = 3
"""Significant digits of a value drawn from a range: more would only make labels long."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One value of a factor."""

    label: str
    fields: Mapping[str, Any]
    """Dotted field of the trial configuration -> value."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A continuous choice of values of one field."""

    field: str
    low: float
    high: float
    log: bool = False
    """Whether equal ratios are equally likely, instead of equal differences."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UserError(f"a range must rise, but got {self.low:g}..{self.high:g}")
        if self.log and self.low <= 0:
            raise UserError(f"a logarithmic range must lie above 0, but got {self.low:g}..{self.high:g}")

    def at(self, share: float) -> float:
        """Return the value at a share of the way from low to high, rounded to three digits."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return min(self.high, max(self.low, float(f"{value:.{_DIGITS}g}")))

    def share(self, value: float) -> float:
        """Return how far a value lies from low to high, from 0 to 1."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Something that varies: over levels, or over a range."""

    name: str
    levels: tuple[Level, ...] = ()
    range: Range | None = None

    def __post_init__(self) -> None:
        labels = [level.label for level in self.levels]
        if not labels and self.range is None:
            raise UserError(f"factor {self.name!r} has no levels; give it at least one")
        assert not (labels and self.range), "a factor has levels or a range"
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise UserError(f"factor {self.name!r} lists the level {repeated[0]!r} twice")
        known: dict[str, str] = {}
        for level in self.levels:
            meaning = repr(sorted(level.fields.items()))
            if meaning in known:
                raise UserError(
                    f"factor {self.name!r} has two levels that mean the same: {known[meaning]!r} and {level.label!r}"
                )
            known[meaning] = level.label

    @classmethod
    def of_record(cls, record: SweepFactor) -> Factor:
        """Return the factor that `sweep.json` records."""
        levels = tuple(Level(label=label, fields=fields) for label, fields in record.levels.items())
        return cls(name=record.name, levels=levels, range=Range(**record.range.model_dump()) if record.range else None)

    def record(self) -> SweepFactor:
        """Return the factor as `sweep.json` records it."""
        span = None if self.range is None else SweepRange(**vars(self.range))
        return SweepFactor(name=self.name, levels={x.label: dict(x.fields) for x in self.levels}, range=span)

    @property
    def fields(self) -> set[str]:
        """Dotted fields that the factor sets."""
        if self.range is not None:
            return {self.range.field}
        return {path for level in self.levels for path in level.fields}

    def level(self, label: str) -> Level:
        """Return the level with a label; of a range, any number in it."""
        if self.range is not None:
            return Level(label=label, fields={self.range.field: float(label)})
        return next(level for level in self.levels if level.label == label)

    def label_at(self, share: float) -> str:
        """Return the label at a share from 0 to 1 (exclusive): each level has an equal part of it."""
        if self.range is not None:
            return f"{self.range.at(share):g}"
        return self.levels[min(len(self.levels) - 1, int(share * len(self.levels)))].label


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Levels that do not go together: no cell has one of the labels of each factor that is named."""

    reason: str
    labels: Mapping[str, tuple[str, ...]]

    def holds(self, cell: Cell) -> bool:
        """Return whether a cell is excluded."""
        return all(cell.get(name) in labels for name, labels in self.labels.items())


@dataclass(frozen=True, kw_only=True)
class NamedArm:
    """An arm beside the space, to compare with: it is tried first and never pruned."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Space:
    """The product of some factors, without what is excluded, and arms beside it."""

    factors: tuple[Factor, ...]
    exclusions: tuple[Exclusion, ...] = ()
    arms: tuple[NamedArm, ...] = ()

    def __post_init__(self) -> None:
        owners: dict[str, str] = {}
        for factor in self.factors:
            # Two factors that set one field would make cells that differ in name only.
            for path in sorted(factor.fields):
                if path in owners:
                    raise UserError(
                        f"the factors {owners[path]!r} and {factor.name!r} both set {path}; use one of them"
                    )
                owners[path] = factor.name

    @property
    def continuous(self) -> bool:
        """Whether a factor is a range."""
        return any(factor.range is not None for factor in self.factors)

    @property
    def size(self) -> int:
        """Number of cells of the product, those that are excluded included.

        Raises:
            UserError: A factor is continuous.
        """
        ranges = [factor.name for factor in self.factors if factor.range is not None]
        if ranges:
            raise UserError(
                f"the range of {ranges[0]} has no end of values; choose --propose factorial, optuna or random, or "
                f"--design sobol:32 or lhs:32, or give levels with --set {ranges[0]}=a,b"
            )
        return math.prod(len(factor.levels) for factor in self.factors)

    def cell(self, number: int) -> Cell:
        """Return the cell with a number from 0 to size - 1; the last factor varies fastest."""
        labels = []
        for factor in reversed(self.factors):
            number, position = divmod(number, len(factor.levels))
            labels.append((factor.name, factor.levels[position].label))
        return dict(reversed(labels))

    def cells(self) -> Iterator[Cell]:
        """Yield every cell that is not excluded, in the order of the numbers."""
        return (cell for cell in map(self.cell, range(self.size)) if not self.excluded(cell))

    def excluded(self, cell: Cell) -> str | None:
        """Return why a cell is excluded, None if it is not."""
        return next((exclusion.reason for exclusion in self.exclusions if exclusion.holds(cell)), None)

    def config(self, base: TrialConfig, cell: Cell, *, seed: int) -> TrialConfig:
        """Return the configuration of a cell: the base with the fields of its levels.

        Raises:
            UserError: The levels do not go together; the message names them.
        """
        changes: dict[str, Any] = {"seed": seed}
        if NAMED_ARM in cell:
            changes |= next(arm.fields for arm in self.arms if arm.name == cell[NAMED_ARM])
        else:
            for factor in self.factors:
                changes |= factor.level(cell[factor.name]).fields
        try:
            return base.with_fields(changes)
        except UserError as error:
            levels = ", ".join(f"{name}={label}" for name, label in cell.items())
            raise UserError(f"{levels} cannot be combined: {error}") from None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A fixed condition of a study."""

    value: Any
    source: Literal["thesis", "ours"]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a study is run unless the user says otherwise."""

    epochs: int = 50
    replicates: int = 1
    propose: Propose = "exhaustive"
    prune: Prune = "none"
    design: str = "full"
    """Which cells an exhaustive sweep tries: see `search_spaces.designs`."""
    trials: int | None = None
    """Trials of an adaptive sweep that names no limit of its own."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A named question with its search space, baseline and protocol."""

    name: str
    question: str
    reference: str
    """Where the thesis asks it, or `none`."""
    factors: tuple[Factor, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """Dotted field -> fixed condition, or a plain value, which counts as `ours`; fields that are not named have the
    values of table 3.3."""
    protocol: Protocol = Protocol()
    exclusions: tuple[Exclusion, ...] = ()
    arms: tuple[NamedArm, ...] = ()
    """Arms beside the space, such as other augmentation policies."""

    def __post_init__(self) -> None:
        _check_items("factors", self.factors, Factor, "search_spaces.axes.factor() makes one")
        _check_items("exclusions", self.exclusions, Exclusion, "give search_spaces.space.Exclusion")
        _check_items("arms", self.arms, NamedArm, "give search_spaces.space.NamedArm")
        if not isinstance(self.conditions, Mapping):
            raise UserError(f"conditions must map fields to values, but is a {type(self.conditions).__name__}")
        conditions = {
            name: value if isinstance(value, Condition) else Condition(value=value, source="ours")
            for name, value in self.conditions.items()
        }
        object.__setattr__(self, "conditions", conditions)
        object.__setattr__(self, "factors", tuple(self.factors))

    @property
    def space(self) -> Space:
        """The search space."""
        return Space(factors=self.factors, exclusions=self.exclusions, arms=self.arms)

    def base(self) -> TrialConfig:
        """Return the baseline configuration."""
        changes = {name: condition.value for name, condition in self.conditions.items()}
        return TrialConfig().with_fields(changes | {"epochs": self.protocol.epochs})


def _check_items(name: str, items: Iterable[Any], kind: type, advice: str) -> None:
    if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
        raise UserError(f"{name} must be a tuple of {kind.__name__}, but is a {type(items).__name__}; {advice}")
    for item in items:
        if not isinstance(item, kind):
            raise UserError(
                f"{name} must hold {kind.__name__} records, but holds {item!r:.80}, a {type(item).__name__}; {advice}"
            )
