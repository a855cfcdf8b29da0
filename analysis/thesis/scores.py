"""Test scores of a sweep by arm and replicate, and contrasts of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.reading.arrays import Floats
from analysis.reading.design import read_design, spelt_cells
from analysis.reading.tables import SweepTables
from analysis.reading.trial_cells import complete_trials
from analysis.statistics.design_matrix import contrasts_of
from analysis.statistics.estimators import Estimate, estimate
from analysis.statistics.intervals import LEVEL, over_replicates
from analysis.statistics.power import needed_noncentrality
from analysis.thesis.contrasts import ArmContrast, Levels
from seatbelt.records.sweep import SweepFactor, cell_text

_Cell = frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ContrastEstimate:
    """A measured contrast: a difference of mean test IoU."""

    name: str
    effect: float | None
    """None if the sweep cannot identify it."""
    error: float | None
    """Standard error; None for one replicate."""
    freedom: int
    """Degrees of freedom of the error."""
    n: int
    """Replicates with all arms of the contrast; for a switch the arms, or the trials if there are few arms."""
    critical: float | None = None
    """Half width of the interval in standard errors; None for Student's."""
    least: float = -math.inf
    """Lower limit, 0 for a range."""

    @property
    def low(self) -> float | None:
        """Lower bound of the 95 % interval."""
        half = self._half()
        return None if half is None or self.effect is None else max(self.least, self.effect - half)

    @property
    def high(self) -> float | None:
        """Upper bound."""
        half = self._half()
        return None if half is None or self.effect is None else self.effect + half

    @property
    def detectable(self) -> float | None:
        """Smallest true difference detected with 80 % power at 5 %, unadjusted."""
        return None if self.error is None else needed_noncentrality(self.freedom) * self.error

    def _half(self) -> float | None:
        from scipy import stats

        if self.error is None:
            return None
        critical = self.critical if self.critical is not None else stats.t.ppf((1 + LEVEL) / 2, self.freedom)
        return float(critical * self.error)


class ArmScores:
    """Test IoU of the complete trials of a search.

    Attributes:
        levels: Factor -> canonical labels of the levels with such trials.
    """

    def __init__(self, sweep: SweepTables) -> None:
        self._sweep = sweep
        factors = sweep.record.factors
        trials = complete_trials(sweep.trials, "arm")
        trials = trials[trials["test_iou"].notna()]
        names = {factor.name for factor in factors}
        self._scores: dict[_Cell, dict[int, float]] = {}
        cells = spelt_cells(sweep.record, trials)
        rows = zip(cells, trials["config"], trials["replicate"], trials["test_iou"], strict=True)
        for spelt, config, replicate, score in rows:
            if set(spelt) != names:
                continue
            cell = _trained(spelt, factors, config)
            runs = self._scores.setdefault(frozenset((n, canonical_label(label)) for n, label in cell.items()), {})
            if int(replicate) in runs:
                raise ValueError(f"{cell_text(cell)} has replicate {replicate} twice")
            runs[int(replicate)] = float(score)
        self.levels: Levels = {
            factor.name: [label for label in map(canonical_label, factor.levels) if self._any(factor.name, label)]
            for factor in factors
        }

    @property
    def trials(self) -> int:
        """Number of trials with a score."""
        return sum(len(runs) for runs in self._scores.values())

    @property
    def replicates(self) -> int:
        """Largest number of replicates of an arm."""
        return max((len(runs) for runs in self._scores.values()), default=0)

    def contrast(self, contrast: ArmContrast) -> ContrastEstimate:
        """Return a contrast over the replicates that have all its arms.

        If other factors varied, it is the mean over their cells that have every level of the contrast. All arms of a
        replicate
        share seed, split and data order, so it is a paired difference.
        """
        term_cells = [self._at(levels) for _, levels in contrast.terms]
        # In one order, so that sums are the same in every process.
        others = sorted(set.intersection(*(set(cells) for cells in term_cells)), key=sorted)
        runs = [cells[other] for cells in term_cells for other in others]
        common = sorted(set.intersection(*(set(run) for run in runs))) if runs else []
        values = [
            sum(
                coefficient * float(np.mean([cells[other][replicate] for other in others]))
                for (coefficient, _), cells in zip(contrast.terms, term_cells, strict=True)
            )
            for replicate in common
        ]
        if not values:
            return ContrastEstimate(name=contrast.name, effect=None, error=None, freedom=0, n=0)
        error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
        mean = over_replicates(values).mean
        return ContrastEstimate(name=contrast.name, effect=mean, error=error, freedom=len(values) - 1, n=len(values))

    def table(self) -> tuple[list[dict[str, str]], Floats]:
        """Return all arms and their scores, (arms, R), in the replicates that all arms have."""
        common = sorted(set.intersection(*(set(run) for run in self._scores.values()))) if self._scores else []
        cells = sorted(self._scores, key=sorted)
        values = [[self._scores[cell][replicate] for replicate in common] for cell in cells]
        return [dict(sorted(cell)) for cell in cells], np.array(values, dtype=np.float64).reshape(
            len(cells), len(common)
        )

    def switches(self) -> list[ContrastEstimate]:
        """Return the effect of each on/off factor in the additive model of `analysis.answers.effects`."""
        design = read_design(self._sweep)
        tested = design.subset(np.flatnonzero(~np.isnan(design.test)))
        fitted = estimate("likelihood", tested, tested.test[:, None], tested.epochs[-1:])
        return [
            _switch(contrast.factor.name, fitted, i)
            for i, contrast in enumerate(contrasts_of(tested))
            if (contrast.level, contrast.reference) == ("on", "off")
        ]

    def _any(self, factor: str, label: str) -> bool:
        return any((factor, label) in cell for cell in self._scores)

    def _at(self, fixed: Mapping[str, str]) -> dict[_Cell, dict[int, float]]:
        """Return the cells with some levels: other levels -> replicate -> score."""
        levels = frozenset(fixed.items())
        return {cell - levels: run for cell, run in self._scores.items() if levels <= cell}


def _switch(name: str, fitted: Estimate, position: int) -> ContrastEstimate:
    value = float(fitted.values[position])
    if math.isnan(value):
        return ContrastEstimate(name=name, effect=None, error=None, freedom=0, n=fitted.clusters)
    variance = None if fitted.covariance is None else float(fitted.covariance[position, position])
    error = None if variance is None else math.sqrt(variance)
    return ContrastEstimate(name=name, effect=value, error=error, freedom=int(fitted.freedom), n=fitted.clusters)


def _trained(cell: dict[str, str], factors: Sequence[SweepFactor], config: str | None) -> dict[str, str]:
    """Return the levels that a trial was trained with.

    Tables of older versions give a stage that is also an arm the cell of the trial that began with it.
    """
    tree = json.loads(config) if config else {}
    try:
        return {factor.name: _level(factor, cell[factor.name], tree) for factor in factors}
    except (KeyError, TypeError):
        # Without the configuration, only the cell is known.
        return cell


def _level(factor: SweepFactor, label: str, tree: dict[str, Any]) -> str:
    labelled = factor.model_copy(update={"levels": {label: factor.levels.get(label, {})}})
    return labelled.level_of(tree) or factor.level_of(tree) or label


def canonical_label(label: str) -> str:
    """Return a label in canonical form: `0.0` as `0`, `skin+shirt` as `shirt+skin`."""
    try:
        return f"{float(label):g}"
    except ValueError:
        return "+".join(_ordered(label.split("+")))


def _ordered(labels: Sequence[str]) -> list[str]:
    order = {label: i for i, label in enumerate(("shirt", "skin", "pants", "hair"))}
    return sorted(labels, key=lambda label: (order.get(label, len(order)), label))
