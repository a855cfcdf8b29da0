"""Factors and their levels.

A level sets one or more dotted fields of the trial configuration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.value_checks import check_items, check_mapping, check_text
from seatbelt.errors import UserError
from seatbelt.records.sweep import SweepFactor, SweepRange

_DIGITS = 3
"""Significant digits of a value drawn from a range; more would only make labels long."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One value of a factor."""

    label: str
    fields: Mapping[str, Any]
    """Dotted field of the trial configuration -> value."""

    def __post_init__(self) -> None:
        check_text("Level.label", self.label)
        check_mapping("Level.fields", self.fields, "fields to values")


@dataclass(frozen=True, kw_only=True)
class Range:
    """A continuous choice of values of one field."""

    field: str
    low: float
    high: float
    log: bool = False
    """True if equal ratios are equally likely, instead of equal differences."""

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
        check_text("Factor.name", self.name)
        check_items("Factor.levels", self.levels, Level, "search_spaces.axes.factor() makes a factor with its levels")
        labels = [level.label for level in self.levels]
        if not labels and self.range is None:
            raise UserError(f"factor {self.name!r} has no levels; give it at least one")
        assert not (labels and self.range), "a factor has levels or a range"
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise UserError(f"factor {self.name!r} lists the level {repeated[0]!r} twice")
        labels_of: dict[str, str] = {}
        for level in self.levels:
            meaning = repr(sorted(level.fields.items()))
            if meaning in labels_of:
                raise UserError(
                    f"factor {self.name!r} has two levels that mean the same: "
                    f"{labels_of[meaning]!r} and {level.label!r}"
                )
            labels_of[meaning] = level.label

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

    @property
    def end_labels(self) -> list[str]:
        """Labels of all levels; of a range, those of its two ends."""
        return [level.label for level in self.levels] or [self.label_at(0.0), self.label_at(1.0)]

    def label_at(self, share: float) -> str:
        """Return the label at a share from 0 to 1 (exclusive): each level has an equal part of it."""
        if self.range is not None:
            return f"{self.range.at(share):g}"
        return self.levels[min(len(self.levels) - 1, int(share * len(self.levels)))].label
