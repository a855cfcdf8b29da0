"""Applies the options that change a study: levels, conditions, subsets of labels, architectures of another sweep."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis import load
from analysis.answers.ranking import best
from search_spaces.axes import factor
from search_spaces.axis_table import AXES, find_axis
from search_spaces.factors import Factor
from seatbelt.errors import UserError

_MOST_SUBSETS = 10


@dataclass
class Narrowed:
    """Factors and fixed fields, and the option that set each."""

    factors: dict[str, Factor]
    changes: dict[str, Any] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """Axis -> option that set it."""

    def vary(self, option: str, factor: Factor, value: str) -> None:
        """Make an axis a factor, or replace the levels of a factor."""
        self._name(option, factor.name, value)
        self.factors[factor.name] = factor

    def fix(self, name: str, value: str) -> None:
        """Give an axis one value."""
        self._name("--fix", name, value)
        level = _levels(self.factors.get(name), name, [value]).levels[0]
        self.changes |= level.fields
        if name in self.factors:
            self.factors[name] = Factor(name=name, levels=(level,))
            return
        for other, varied in list(self.factors.items()):
            shared = {path for path in varied.fields for fixed in level.fields if f"{path}.".startswith(f"{fixed}.")}
            if shared == varied.fields:
                # The factor has nothing left to vary.
                del self.factors[other]
            elif shared:
                raise UserError(
                    f"--fix {name}={value} contradicts the factor {other}, which sets it too; narrow that with "
                    f"--set {other}=..."
                )

    def _name(self, option: str, name: str, value: str) -> None:
        earlier = self.named.get(name)
        if earlier == option:
            raise UserError(f"{option} {name}=... is given twice; use one of them")
        if earlier is not None:
            raise UserError(f"{option} {name}={value} contradicts {earlier} {name}=...; use one of them")
        self.named[name] = option


def narrow(
    factors: Iterable[Factor],
    *,
    vary: Iterable[str] = (),
    fix: Iterable[str] = (),
    levels: Iterable[str] = (),
    all_subsets: tuple[str, ...] = (),
    architectures_from: str | None = None,
) -> Narrowed:
    """Apply a user's options to the factors of a study.

    Args:
        factors: Factors of the study.
        vary: `factor=level,level`: narrows a factor, or makes an axis a factor.
        fix: `axis=value`: a fixed condition.
        levels: `factor=number`: this number of levels instead of a range.
        all_subsets: Labels of which every subset is tried as context.
        architectures_from: A finished architecture sweep that names the levels of `architecture`.

    Raises:
        UserError: An axis that does not exist, a value that it refuses, or options that contradict each other.
    """
    narrowed = Narrowed(factors={f.name: f for f in factors})
    for text in vary:
        name, values = assignment("--set", text, narrowed.factors)
        narrowed.vary("--set", _levels(narrowed.factors.get(name), name, split_levels(values)), values)
    if all_subsets:
        narrowed.vary("--all-subsets", _subsets(all_subsets), ",".join(all_subsets))
    if architectures_from is not None:
        best = best_architectures(architectures_from)
        narrowed.vary("--architectures-from", factor("architecture", best), str(architectures_from))
    for text in fix:
        narrowed.fix(*assignment("--fix", text, narrowed.factors))
    for text in levels:
        name, number = assignment("--levels", text, narrowed.factors)
        narrowed.factors[name] = _discrete(narrowed.factors, name, number)
    return narrowed


def best_architectures(sweep: str) -> list[str]:
    """Return `decoder/encoder` of the best three decoders, each with its best two encoders (thesis 4.4).

    Decoders are ordered by their best arm.

    Raises:
        UserError: The sweep has too few complete arms of different architectures.
    """
    chosen: dict[str, list[str]] = {}
    for arm in best(load(sweep), top=10_000).arms:
        decoder, encoder = arm.decoder, arm.encoder
        if decoder in chosen or len(chosen) < 3:
            encoders = chosen.setdefault(decoder, [])
            if encoder not in encoders and len(encoders) < 2:
                encoders.append(encoder)
    architectures = [f"{decoder}/{encoder}" for decoder, encoders in chosen.items() for encoder in encoders]
    if len(architectures) < 6:
        raise UserError(
            f"{sweep} has scores of {len(architectures)} fitting architectures ({', '.join(architectures)}), but three "
            "decoders with two encoders each are needed; name them with --set architecture=..."
        )
    return architectures


_COMMA = re.compile(r"(?<!\\),")


def split_levels(text: str) -> list[str]:
    r"""Return the levels of `a,b`; `\,` is a comma within a level."""
    return [level.replace(r"\,", ",") for level in _COMMA.split(text)]


def assignment(option: str, text: str, factors: Mapping[str, Factor]) -> tuple[str, str]:
    """Return name and value of `NAME=VALUE`; the name is an axis or a factor of the study."""
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise UserError(f"{option} takes NAME=VALUE, but got {text!r}")
    if name not in factors:
        find_axis(name)
    return name, values


def _levels(existing: Factor | None, name: str, texts: list[str]) -> Factor:
    """Return a factor with these levels; a factor that is no axis has only the levels of the study."""
    if existing is not None and name not in AXES:
        labels = [level.label for level in existing.levels]
        unknown = [text for text in texts if text not in labels]
        if unknown:
            raise UserError(f"factor {name!r} has no level {unknown[0]!r}; choose among {', '.join(labels)}")
        return Factor(name=name, levels=tuple(existing.level(text) for text in texts))
    return factor(name, texts)


def _subsets(labels: tuple[str, ...]) -> Factor:
    if len(labels) > _MOST_SUBSETS:
        raise UserError(f"--all-subsets takes up to {_MOST_SUBSETS} labels, but got {len(labels)}")
    sets = [subset for size in range(len(labels) + 1) for subset in itertools.combinations(labels, size)]
    return factor("context", ["+".join(subset) or "none" for subset in sets])


def _discrete(factors: dict[str, Factor], name: str, number: str) -> Factor:
    continuous = factors.get(name)
    if continuous is None or continuous.range is None:
        raise UserError(f"--levels {name}={number}: {name} is no range; give one with --set {name}=LOW..HIGH")
    if not number.isdecimal() or not 2 <= int(number) <= 100:
        raise UserError(f"--levels {name} takes a number from 2 to 100, but got {number!r}")
    count = int(number)
    return factor(name, [f"{continuous.range.at(step / (count - 1)):g}" for step in range(count)])
