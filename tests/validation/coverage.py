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
    """One kind of estimate in one simulated sweep: sums over all of its estimates."""

    kind: str
    recommended: bool
    estimates: int
    """Number of estimates with an interval."""
    covered: int
    """Number of intervals that hold the truth."""
    squares: float
    """Sum of the squared errors."""
    shrinkage: float
    """Sum of the errors, positive away from zero: below 0 where effects are estimated too small."""
    width: float
    """Sum of the widths of the intervals."""


def outcomes(world: str, seed: int) -> list[Outcome]:
    """Simulate one sweep and estimate everything.

    Args:
        world: A key of `tests.validation.worlds.WORLDS`.
        seed: Of the sweep.
    """
    design, truth = simulate(world, seed)
    complete = ~np.isnan(design.scores[:, -1])
    default = default_estimator(design)
    results = []
    for name in NAMES:
        if name == "mixed" and len(design.trials) > MOST_TRIALS:
            continue
        if name in ("weights", "naive") and not design.pruned:
            continue
        seen = np.isfinite(design.scores).any(axis=1) if name == "naive" else complete
        effects = effects_of(design, estimate(name, design, design.scores, design.epochs), seen, "holm")
        rows = [
            (e.effect, e.low, e.high, truth.main[e.factor][e.level] - truth.main[e.factor][e.reference])
            for e in effects
            if e.effect is not None and e.low is not None and e.high is not None
        ]
        results.append(_outcome(name, name == default, rows))
    if len(design.trials) <= MOST_TRIALS:
        results.append(_outcome("interactions", True, _interactions(design, truth)))
        results.append(_outcome("importance", True, _importance(design, truth)))
    return results


def _interactions(design: Design, truth: Truth) -> Iterator[tuple[float, float, float, float]]:
    levels = {factor.name: list(factor.levels) for factor in design.factors}
    for row in interactions_of(design).interactions:
        pair = truth.pairs[row.factor_a, row.factor_b]
        at = levels[row.factor_a].index(row.level_a), levels[row.factor_b].index(row.level_b)
        yield row.effect, row.low, row.high, float(pair[at])


def _importance(design: Design, truth: Truth) -> Iterator[tuple[float, float, float, float]]:
    explained = {name: float(np.mean(np.square(list(levels.values())))) for name, levels in truth.main.items()}
    for (f, g), pair in truth.pairs.items():
        for name in (f, g):
            explained[name] += float(np.mean(pair**2)) / 2
    total = sum(explained.values())
    for row in importance_of(design, {}).importances:
        yield row.share, row.low, row.high, explained[row.factor] / total


def _outcome(kind: str, recommended: bool, rows: Iterable[tuple[float, float, float, float]]) -> Outcome:
    estimates = list(rows)
    return Outcome(
        kind=kind,
        recommended=recommended,
        estimates=len(estimates),
        covered=sum(low <= true <= high for _, low, high, true in estimates),
        squares=sum((value - true) ** 2 for value, _, _, true in estimates),
        shrinkage=sum((value - true) * math.copysign(1, true) for value, _, _, true in estimates),
        width=sum(high - low for _, low, high, _ in estimates),
    )


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """One kind of estimate over the simulated sweeps of one world."""

    world: str
    kind: str
    recommended: bool
    sweeps: int
    estimates: int
    coverage: float
    error: float
    """Standard error of the coverage over sweeps; estimates of one sweep are not independent."""
    deviation: float
    """Root of the mean squared error."""
    shrinkage: float
    width: float


def coverages(world: str, sweeps: list[list[Outcome]]) -> list[Coverage]:
    """Sum up the outcomes of the simulated sweeps of one world."""
    everything = sorted(itertools.chain.from_iterable(sweeps), key=lambda o: o.kind)
    results = []
    for kind, group in itertools.groupby(everything, key=lambda o: o.kind):
        rows = [row for row in group if row.estimates]
        if not rows:
            continue
        counts = np.array([row.estimates for row in rows], dtype=float)
        covered = np.array([row.covered for row in rows], dtype=float)
        share = covered.sum() / counts.sum()
        # The standard error of a ratio of sums over independent sweeps.
        rest = covered - share * counts
        error = math.sqrt(len(rows) / max(1, len(rows) - 1) * float(rest @ rest)) / counts.sum()
        total = float(counts.sum())
        results.append(
            Coverage(
                world=world,
                kind=kind,
                recommended=rows[0].recommended,
                sweeps=len(rows),
                estimates=int(total),
                coverage=float(share),
                error=error,
                deviation=math.sqrt(sum(row.squares for row in rows) / total),
                shrinkage=sum(row.shrinkage for row in rows) / total,
                width=sum(row.width for row in rows) / total,
            )
        )
    return results


def as_json(rows: list[Outcome]) -> list[dict[str, object]]:
    """Return outcomes as plain values."""
    return [asdict(outcome) for outcome in rows]
