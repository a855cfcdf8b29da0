"""What `sweep.json` holds, with what the driver and its commands derive from it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from runners.core.halving import check_rungs
from runners.core.plan import Limits, Plan
from search_spaces.factors import Factor
from search_spaces.space import Exclusion, NamedArm, Propose, Prune, Space
from seatbelt.config.optimisation import LENGTH_DEPENDENT
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import content_hash
from seatbelt.records.sweep import SweepExclusion, SweepFactor, SweepRecord


class SweepDescription(SweepRecord):
    """`sweep.json` as its writer makes it and reads it again: nothing may be missing or unknown."""

    base: TrialConfig  # type: ignore[assignment]  # The writer validates what readers take as it is.
    propose: Propose
    prune: Prune

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
        if all(exclusion in other.exclusions for exclusion in self.exclusions):
            # New levels may bring exclusions of their own; none may take away a cell of this sweep.
            new = [exclusion for exclusion in other.exclusions if exclusion not in self.exclusions]
            if not any(self._may_exclude(exclusion) for exclusion in new):
                same["exclusions"] = self.exclusions
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
        return self.model_copy(
            update={"factors": other.factors, "weights": other.weights, "exclusions": other.exclusions}
        )

    def _may_exclude(self, exclusion: SweepExclusion) -> bool:
        """Return whether an exclusion has only levels of this sweep."""
        levels = {factor.name: factor.levels for factor in self.factors}
        return all(any(x in levels.get(name, {}) for x in labels) for name, labels in exclusion.labels.items())

    def space(self) -> Space:
        """Return the search space."""
        return Space(
            factors=tuple(Factor.of_record(factor) for factor in self.factors),
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

    @property
    def fixed_length(self) -> tuple[str, ...]:
        """The schedules of the sweep under which a trial cannot become longer."""
        field = "optimisation.schedule"
        levels = [fields[field] for factor in self.factors for fields in factor.levels.values() if field in fields]
        named = [fields[field] for fields in self.arms.values() if field in fields]
        used = {*(levels or [self.base.optimisation.schedule]), *named}
        return tuple(sorted(used & set(LENGTH_DEPENDENT)))

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
    "trained_on",
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
