"""Designs: which cells of a space a non-adaptive sweep tries.

`full` is every cell. `ofat` is the baseline and each other level alone. `fractional-16`, `fractional-32` and
`fractional-128` are regular two-level fractions: five factors in 16 runs and ten in 128 (resolution V: two-factor
interactions are clear of each other), ten in 32 (resolution IV: main effects are clear of two-factor interactions);
`-foldover` doubles a fraction with the signs of one factor changed. `lhs:N` and `sobol:N` spread N cells over
ranges and levels (scipy.stats.qmc).

The generators are those of D. C. Montgomery, Design and Analysis of Experiments, table 8.14.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from search_spaces.factors import Factor
from search_spaces.space import Cell, Space
from seatbelt.config.field_paths import field_value
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

_GENERATORS: dict[int, dict[int, tuple[int, ...]]] = {
    # Column of an added factor -> columns of the basic factors whose product it is.
    16: {4: (0, 1, 2, 3)},
    32: {5: (0, 1, 2, 3), 6: (0, 1, 2, 4), 7: (0, 1, 3, 4), 8: (0, 2, 3, 4), 9: (1, 2, 3, 4)},
    128: {7: (0, 1, 2, 6), 8: (1, 2, 3, 4), 9: (0, 2, 3, 5)},
}

_MOST_FACTORS = {runs: runs.bit_length() - 1 + len(added) for runs, added in _GENERATORS.items()}

NAMES = (
    *("full", "ofat", "fractional-16", "fractional-32", "fractional-32-foldover", "fractional-128"),
    *("lhs:N", "sobol:N"),
)


@dataclass(frozen=True, kw_only=True)
class Design:
    """The arms of a sweep in order: named arms first."""

    name: str
    cells: Sequence[Cell]
    notes: tuple[str, ...] = ()
    """Notes for reading the results, such as aliases."""

    def __len__(self) -> int:
        return len(self.cells)


def build_design(space: Space, name: str, *, baseline: Cell, seed: int) -> Design:
    """Build a design by name.

    Args:
        space: What varies.
        name: One of `NAMES`; N is a number of cells.
        baseline: The cell that `ofat` starts from.
        seed: Seed of the random designs.

    Raises:
        UserError: The design does not exist, or does not fit the space.
    """
    named = space.named_cells
    if name == "full":
        cells: Sequence[Cell] = _Product(space)
        return Design(name=name, cells=[*named, *cells] if named else cells)
    if name == "ofat":
        return Design(name=name, cells=[*named, *_one_at_a_time(space, baseline)])
    fraction = re.fullmatch(r"fractional-(16|32|128)(-foldover)?", name)
    if fraction and name in NAMES:
        design = _fraction(space, int(fraction[1]), folded=fraction[2] is not None)
        return Design(name=name, cells=[*named, *design.cells], notes=design.notes)
    spread = re.fullmatch(r"(lhs|sobol):([1-9][0-9]{0,4})", name)
    if spread:
        return Design(name=name, cells=[*named, *_spread(space, spread[1], int(spread[2]), seed)])
    raise UserError(f"there is no design {name!r}; choose one of {', '.join(NAMES)}")


def baseline_cell(space: Space, base: TrialConfig) -> Cell:
    """Return the cell of the base configuration; factors without its value are at their first level."""
    tree = base.model_dump()
    cell = {}
    for f in space.factors:
        if f.range is not None:
            value = field_value(tree, f.range.field)
            cell[f.name] = f"{min(f.range.high, max(f.range.low, f.range.low if value is None else value)):g}"
        else:
            same = [level for level in f.levels if all(field_value(tree, p) == v for p, v in level.fields.items())]
            cell[f.name] = (same or f.levels)[0].label
    return cell


class _Product(Sequence[Cell]):
    """Every cell of a finite space that is not excluded, built on access."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._size = space.size
        self._numbers: list[int] | None = None
        if space.exclusions:
            self._numbers = [n for n in range(self._size) if not space.excluded(space.cell(n))]
            if not self._numbers:
                raise UserError(f"no cell is left: {space.excluded(space.cell(0))}; change --set or --fix")

    def __len__(self) -> int:
        return self._size if self._numbers is None else len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._space.cell(index if self._numbers is None else self._numbers[index])


def _one_at_a_time(space: Space, baseline: Cell) -> list[Cell]:
    ranges = [factor.name for factor in space.factors if factor.range is not None]
    if ranges:
        raise UserError(f"the design ofat needs levels, but {ranges[0]} is a range; give it --set {ranges[0]}=a,b")
    cells = [baseline]
    for factor in space.factors:
        cells += [
            {**baseline, factor.name: level.label} for level in factor.levels if level.label != baseline[factor.name]
        ]
    return [cell for cell in cells if not space.excluded(cell)]


def _fraction(space: Space, runs: int, *, folded: bool) -> Design:
    varied = [factor for factor in space.factors if len(factor.levels) != 1 or factor.range is not None]
    wrong = [factor.name for factor in varied if len(factor.levels) != 2]
    if wrong or len(varied) > _MOST_FACTORS[runs]:
        what = f"{wrong[0]} has not two levels" if wrong else f"there are {len(varied)}"
        raise UserError(
            f"the design fractional-{runs} takes up to {_MOST_FACTORS[runs]} factors of two levels, but {what}; narrow "
            "them with --set or --fix, or choose another --design"
        )
    if space.exclusions:
        raise UserError(f"the design fractional-{runs} needs a space without excluded cells")
    signs = two_level_signs(runs)[:, : len(varied)]
    signs = np.unique(signs, axis=0)
    words = defining_words(runs, len(varied))
    notes = alias_lines(words, [factor.name for factor in varied])
    if folded:
        column = _best_fold(words)
        mirrored = signs.copy()
        mirrored[:, column] *= -1
        signs = np.concatenate([signs, mirrored])
        words = tuple(word for word in words if column not in word)
        notes = [f"folded over on {varied[column].name}", *alias_lines(words, [f.name for f in varied])]
    cells = [_two_level_cell(space, varied, row) for row in signs]
    return Design(name=f"fractional-{runs}", cells=cells, notes=tuple(notes))


def _two_level_cell(space: Space, varied: list[Factor], signs: np.ndarray) -> Cell:
    cell = {factor.name: factor.levels[0].label for factor in space.factors}
    for factor, sign in zip(varied, signs, strict=True):
        cell[factor.name] = factor.levels[int(sign > 0)].label
    return cell


def two_level_signs(runs: int) -> np.ndarray:
    """Return the signs of the regular fraction, (runs, most factors): -1 is the first level, 1 the second."""
    generators = _GENERATORS[runs]
    basic = _MOST_FACTORS[runs] - len(generators)
    columns = np.array(list(itertools.product([-1, 1], repeat=basic)), dtype=np.int64)
    added = [columns[:, list(parents)].prod(axis=1) for parents in generators.values()]
    return np.column_stack([columns, *added])


def defining_words(runs: int, factors: int) -> tuple[frozenset[int], ...]:
    """Return the words of the defining relation among the first factors: products of columns that are 1."""
    words = {frozenset({column, *parents}) for column, parents in _GENERATORS[runs].items()}
    relation: set[frozenset[int]] = {frozenset()}
    for word in words:
        relation |= {word ^ other for other in relation}
    relation.discard(frozenset())
    return tuple(sorted((word for word in relation if max(word) < factors), key=lambda w: (len(w), sorted(w))))


def alias_lines(words: Sequence[frozenset[int]], names: Sequence[str]) -> list[str]:
    """Return the aliases among main effects and two-factor interactions, in words."""
    if not words:
        return ["no effects are aliased: this is a full factorial"]
    lines = [f"resolution {_roman(min(map(len, words)))}: the shortest word has {min(map(len, words))} factors"]
    listed: set[frozenset[int]] = set()
    for effect in _effects(len(names)):
        if effect in listed:
            continue
        chain = sorted({effect ^ word for word in words if len(effect ^ word) <= 2}, key=lambda e: (len(e), sorted(e)))
        listed |= {effect, *chain}
        if chain:
            lines.append(" = ".join(":".join(names[i] for i in sorted(e)) for e in [effect, *chain]))
    if len(lines) == 1:
        lines.append("no main effect or two-factor interaction is aliased with another")
    return lines


def _effects(factors: int) -> Iterator[frozenset[int]]:
    for size in (1, 2):
        for members in itertools.combinations(range(factors), size):
            yield frozenset(members)


def _best_fold(words: Sequence[frozenset[int]]) -> int:
    """Return the factor whose change of sign breaks most of the shortest words."""
    if not words:
        return 0
    shortest = [word for word in words if len(word) == min(map(len, words))]
    return max(set().union(*shortest), key=lambda column: (sum(column in word for word in shortest), -column))


def _roman(number: int) -> str:
    return {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII"}.get(number, str(number))


def _spread(space: Space, kind: str, count: int, seed: int) -> list[Cell]:
    from scipy.stats import qmc

    dimensions = len(space.factors)
    if kind == "lhs":
        points = qmc.LatinHypercube(dimensions, rng=np.random.default_rng([seed, 9])).random(count)
    else:
        sampler = qmc.Sobol(dimensions, rng=np.random.default_rng([seed, 9]))
        points = sampler.random_base2((count - 1).bit_length())[:count]
    cells = [
        {factor.name: factor.label_at(float(share)) for factor, share in zip(space.factors, point, strict=True)}
        for point in points
    ]
    # Points can share a cell, and excluded cells are left out: the design may have fewer cells than requested.
    unique = {tuple(cell.items()): cell for cell in cells if not space.excluded(cell)}
    return list(unique.values())
