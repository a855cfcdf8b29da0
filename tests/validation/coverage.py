"""How often intervals hold the truth, and how far estimates are off, over simulated sweeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import get_args

import numpy as np

from analysis.answers.effects import effects_of
from analysis.answers.importance import importance_of
from analysis.answers.interactions import interactions_of
from analysis.reading.design import Design
from analysis.statistics.estimators import EstimatorName, default_estimator, estimate
from analysis.statistics.mixed_model import MOST_TRIALS
from tests.validation.worlds import Truth, simulate

NAMES: tuple[EstimatorName, ...] = get_args(EstimatorName)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One kind of estimate in one simulated sweep, over all that it told."""

    kind: str
    recommended: bool
    told: int
    covered: int
    squares: float
    """Sum of the squared errors."""
    shrinkage: float
    """Sum of the errors, counted positive away from zero: below 0 where effects are made too small."""
    width: float
    """Sum of the widths of the intervals."""


def outcomes(world: str, seed: int) -> list[Outcome]:
    """Simulate one sweep and estimate everything.

    Args:
        world: A key of `tests.validation.worlds.WORLDS`.
        seed: Of the sweep.
    """
    found, truth = simulate(world, seed)
    known = ~np.isnan(found.scores[:, -1])
    default = default_estimator(found)
    told = []
    for name in NAMES:
        if name == "mixed" and len(found.trials) > MOST_TRIALS:
            continue
        if name in ("weights", "naive") and not found.pruned:
            continue
        seen = np.isfinite(found.scores).any(axis=1) if name == "naive" else known
        effects = effects_of(found, estimate(name, found, found.scores, found.epochs), seen, "holm")
        rows = [
            (e.effect, e.low, e.high, truth.main[e.factor][e.level] - truth.main[e.factor][e.reference])
            for e in effects
            if e.effect is not None and e.low is not None and e.high is not None
        ]
        told.append(_outcome(name, name == default, rows))
    if len(found.trials) <= MOST_TRIALS:
        told.append(_outcome("interactions", True, _interactions(found, truth)))
        told.append(_outcome("importance", True, _importance(found, truth)))
    return told


def _interactions(found: Design, truth: Truth) -> Iterator[tuple[float, float, float, float]]:
    levels = {factor.name: list(factor.levels) for factor in found.factors}
    for row in interactions_of(found).interactions:
        pair = truth.pairs[row.factor_a, row.factor_b]
        at = levels[row.factor_a].index(row.level_a), levels[row.factor_b].index(row.level_b)
        yield row.effect, row.low, row.high, float(pair[at])


def _importance(found: Design, truth: Truth) -> Iterator[tuple[float, float, float, float]]:
    explained = {name: float(np.mean(np.square(list(levels.values())))) for name, levels in truth.main.items()}
    for (f, g), pair in truth.pairs.items():
        for name in (f, g):
            explained[name] += float(np.mean(pair**2)) / 2
    total = sum(explained.values())
    for row in importance_of(found, {}).importances:
        yield row.share, row.low, row.high, explained[row.factor] / total


def _outcome(kind: str, recommended: bool, rows: Iterable[tuple[float, float, float, float]]) -> Outcome:
    told = list(rows)
    return Outcome(
        kind=kind,
        recommended=recommended,
        told=len(told),
        covered=sum(low <= true <= high for _, low, high, true in told),
        squares=sum((value - true) ** 2 for value, _, _, true in told),
        shrinkage=sum((value - true) * math.copysign(1, true) for value, _, _, true in told),
        width=sum(high - low for _, low, high, _ in told),
    )


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """One kind of estimate over the simulated sweeps of one world."""

    world: str
    kind: str
    recommended: bool
    sweeps: int
    told: int
    coverage: float
    error: float
    """Standard error of the coverage; estimates of one sweep are no independent evidence."""
    deviation: float
    """Root of the mean squared error."""
    shrinkage: float
    width: float


def coverages(world: str, found: list[list[Outcome]]) -> list[Coverage]:
    """Sum up the outcomes of the simulated sweeps of one world."""
    everything = sorted(itertools.chain.from_iterable(found), key=lambda o: o.kind)
    told = []
    for kind, group in itertools.groupby(everything, key=lambda o: o.kind):
        rows = [row for row in group if row.told]
        if not rows:
            continue
        counts = np.array([row.told for row in rows], dtype=float)
        covered = np.array([row.covered for row in rows], dtype=float)
        share = covered.sum() / counts.sum()
        # Of a ratio of sums over independent sweeps.
        rest = covered - share * counts
        error = math.sqrt(len(rows) / max(1, len(rows) - 1) * float(rest @ rest)) / counts.sum()
        total = float(counts.sum())
        told.append(
            Coverage(
                world=world,
                kind=kind,
                recommended=rows[0].recommended,
                sweeps=len(rows),
                told=int(total),
                coverage=float(share),
                error=error,
                deviation=math.sqrt(sum(row.squares for row in rows) / total),
                shrinkage=sum(row.shrinkage for row in rows) / total,
                width=sum(row.width for row in rows) / total,
            )
        )
    return told


def as_json(found: list[Outcome]) -> list[dict[str, object]]:
    """Return outcomes as plain values."""
    return [asdict(outcome) for outcome in found]
