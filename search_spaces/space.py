"""Factors, levels and studies: what can vary, as data.

A level sets one or more dotted fields of the trial configuration. A cell is one level of each factor; the
cells of a space are numbered, so that a design is a sequence of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seatbelt.config import TrialConfig
from seatbelt.errors import UserError

Cell = dict[str, str]
"""Factor name -> label of its level."""

Propose = Literal["exhaustive", "random", "optuna"]
Prune = Literal["none", "asha"]

MOST_ENUMERABLE = 100_000
"""Larger spaces are not walked through cell by cell."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One value of a factor."""

    label: str
    fields: Mapping[str, Any]
    """Dotted field of the trial configuration -> value."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Something that varies."""

    name: str
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        labels = [level.label for level in self.levels]
        if not labels:
            raise UserError(f"factor {self.name!r} has no levels; give it at least one")
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

    def level(self, label: str) -> Level:
        """Return the level with a label."""
        return next(level for level in self.levels if level.label == label)


@dataclass(frozen=True, kw_only=True)
class Space:
    """The product of some factors."""

    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        owners: dict[str, str] = {}
        for name, factor in ((f.name, f) for f in self.factors):
            # Two factors that set one field would make cells that differ in name only.
            for path in sorted({path for level in factor.levels for path in level.fields}):
                if path in owners:
                    raise UserError(f"the factors {owners[path]!r} and {name!r} both set {path}; use one of them")
                owners[path] = name

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(len(factor.levels) for factor in self.factors)

    def cell(self, number: int) -> Cell:
        """Return the cell with a number from 0 to size - 1; the last factor varies fastest."""
        labels = []
        for factor in reversed(self.factors):
            number, position = divmod(number, len(factor.levels))
            labels.append((factor.name, factor.levels[position].label))
        return dict(reversed(labels))

    def cells(self) -> Iterator[Cell]:
        """Yield every cell in the order of the numbers."""
        return (self.cell(number) for number in range(self.size))

    def config(self, base: TrialConfig, cell: Cell, *, seed: int) -> TrialConfig:
        """Return the configuration of a cell: the base with the fields of its levels.

        Raises:
            UserError: The levels do not go together.
        """
        changes: dict[str, Any] = {"seed": seed}
        for factor in self.factors:
            changes |= factor.level(cell[factor.name]).fields
        return base.with_fields(changes)


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


@dataclass(frozen=True, kw_only=True)
class Study:
    """A named question with its search space, baseline and protocol."""

    name: str
    question: str
    reference: str
    """Where the thesis asks it, or `none`."""
    factors: tuple[Factor, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """Dotted field -> fixed condition; fields that are not named have the values of table 3.3."""
    protocol: Protocol = Protocol()

    @property
    def space(self) -> Space:
        """The search space."""
        return Space(factors=self.factors)

    def base(self) -> TrialConfig:
        """Return the baseline configuration."""
        changes = {name: condition.value for name, condition in self.conditions.items()}
        return TrialConfig().with_fields(changes | {"epochs": self.protocol.epochs})
