"""A factor of a search space, as analysis and search see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seatbelt.config.field_paths import field_value


@dataclass(frozen=True, kw_only=True)
class SpaceFactor:
    """A factor of the space, as `sweep.json` has it."""

    name: str
    levels: tuple[str, ...]
    """Labels, in the order of the space; empty for a continuous factor."""
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Label -> dotted field of the configuration -> value."""

    def level_of(self, config: dict[str, Any]) -> str | None:
        """Return the level whose fields a configuration has, None if none fits."""
        for label, fields in self.fields.items():
            if all(field_value(config, path) == value for path, value in fields.items()):
                return label
        return None

    @property
    def continuous(self) -> bool:
        """Whether it is a range of numbers."""
        return not self.levels
