"""Spaces and studies: what can vary, as data.

A cell is one level of each factor. The cells of a finite space are numbered, so that a design is a sequence of cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final, get_args
from typing import Protocol as TypingProtocol

from search_spaces.factors import Factor
from search_spaces.value_checks import check_choice, check_count, check_items, check_kind, check_mapping, check_text
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.sweep import NAMED_ARM as NAMED_ARM
from seatbelt.records.sweep import Cell as Cell

Propose = Literal["exhaustive", "random", "optuna", "optuna-gp", "factorial"]
Prune = Literal["none", "asha"]

MOST_ENUMERABLE = 100_000
"""Larger spaces are not enumerated."""


class ExclusionRule(TypingProtocol):
    """A rule that excludes cells from a space."""

    @property
    def reason(self) -> str:
        """Why these cells are excluded."""

    def excludes(self, cell: Cell) -> bool:
        """Return whether a cell is excluded."""


@final
@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Levels that cannot be combined: a cell is excluded if it has one of the labels for every factor named here."""

    reason: str
    labels: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        check_text("Exclusion.reason", self.reason)
        check_mapping("Exclusion.labels", self.labels, "factors to tuples of their labels")
        for name, labels in self.labels.items():
            check_items(f"Exclusion.labels[{name!r}]", labels, str, "write a single label as ('label',)")

    def excludes(self, cell: Cell) -> bool:
        """Return whether a cell is excluded."""
        return all(cell.get(name) in labels for name, labels in self.labels.items())


@dataclass(frozen=True, kw_only=True)
class NamedArm:
    """An arm outside the space, for comparison: it is tried first and never pruned."""

    name: str
    fields: Mapping[str, Any]

    def __post_init__(self) -> None:
        check_text("NamedArm.name", self.name)
        check_mapping("NamedArm.fields", self.fields, "fields to values")


@dataclass(frozen=True, kw_only=True)
class Space:
    """The product of some factors without the excluded cells, and named arms beside it."""

    factors: tuple[Factor, ...]
    exclusions: tuple[ExclusionRule, ...] = ()
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
        """True if a factor is a range."""
        return any(factor.range is not None for factor in self.factors)

    @property
    def named_cells(self) -> list[Cell]:
        """The cells of the named arms."""
        return [{NAMED_ARM: arm.name} for arm in self.arms]

    @property
    def size(self) -> int:
        """Number of cells of the product, excluded ones included.

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
        return next((rule.reason for rule in self.exclusions if rule.excludes(cell)), None)

    def config(self, base: TrialConfig, cell: Cell, *, seed: int) -> TrialConfig:
        """Return the configuration of a cell: the base with the fields of its levels.

        Raises:
            UserError: The levels cannot be combined; the message names them.
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

    def __post_init__(self) -> None:
        check_choice("Condition.source", self.source, ("thesis", "ours"))


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Default way to run a study."""

    epochs: int = 50
    replicates: int = 1
    propose: Propose = "exhaustive"
    prune: Prune = "none"
    design: str = "full"
    """Which cells an exhaustive sweep tries: see `search_spaces.designs`."""
    trials: int | None = None
    """Number of trials of an adaptive sweep without a limit of its own."""

    def __post_init__(self) -> None:
        check_count("Protocol.epochs", self.epochs)
        check_count("Protocol.replicates", self.replicates)
        check_choice("Protocol.propose", self.propose, get_args(Propose))
        check_choice("Protocol.prune", self.prune, get_args(Prune))
        check_text("Protocol.design", self.design)
        if self.trials is not None:
            check_count("Protocol.trials", self.trials)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A named question with its search space, baseline and protocol."""

    name: str
    question: str
    reference: str = "none"
    """Where the thesis asks this question, or `none`."""
    factors: tuple[Factor, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """Dotted field -> fixed condition, or a plain value, which counts as `ours`. All other fields have the values of
    table 3.3."""
    protocol: Protocol = Protocol()
    exclusions: tuple[Exclusion, ...] = ()
    arms: tuple[NamedArm, ...] = ()
    """Arms outside the space, such as other augmentation policies."""

    def __post_init__(self) -> None:
        for name in ("name", "question", "reference"):
            check_text(name, getattr(self, name))
        check_items("factors", self.factors, Factor, "search_spaces.axes.factor() makes one")
        check_items("exclusions", self.exclusions, Exclusion, "give search_spaces.space.Exclusion")
        check_items("arms", self.arms, NamedArm, "give search_spaces.space.NamedArm")
        check_mapping("conditions", self.conditions, "fields to values")
        check_kind("protocol", self.protocol, Protocol)
        conditions = {
            name: value if isinstance(value, Condition) else Condition(value=value, source="ours")
            for name, value in self.conditions.items()
        }
        object.__setattr__(self, "conditions", conditions)
        for name in ("factors", "exclusions", "arms"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def space(self) -> Space:
        """The search space."""
        return Space(factors=self.factors, exclusions=self.exclusions, arms=self.arms)

    def base(self) -> TrialConfig:
        """Return the baseline configuration."""
        changes = {name: condition.value for name, condition in self.conditions.items()}
        return TrialConfig().with_fields(changes | {"epochs": self.protocol.epochs})
