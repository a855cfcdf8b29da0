"""The interactions of pairs of levels, shrunk by the factorial model."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from analysis.reading.design import Design, read_design
from analysis.reading.tables import SweepTables, readable
from analysis.statistics.factorial import CoefficientPosterior, Trials
from analysis.statistics.intervals import LEVEL
from analysis.statistics.mixed_model import MOST_TRIALS, fit_shrunk, has_residual_freedom, reported_levels, sample_rows
from analysis.statistics.multiple_testing import adjusted
from seatbelt.errors import UserError

_ALIASED = 1 - 1e-9
"""Absolute cosine of two columns above which the trials cannot distinguish them."""

_MOST_ALIASES = 5
"""Most groups of aliased interactions to list."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """The final score of two levels together minus the sum of their effects."""

    factor_a: str
    level_a: str
    factor_b: str
    level_b: str
    n: int
    """Complete trials with both levels."""
    effect: float
    """IoU; shrunk towards 0, more so the fewer the trials."""
    low: float
    high: float
    p_value: float
    """P-value of no interaction, adjusted over all (Benjamini and Hochberg)."""

    @property
    def decided(self) -> bool:
        """Whether it differs from zero after the adjustment."""
        return self.p_value < 1 - LEVEL


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """The interactions of a sweep's factors, most certain first."""

    interactions: list[Interaction]
    trials: int
    complete: int
    notes: list[str]


def interactions(sweep: SweepTables) -> Interactions:
    """Estimate the interactions of all pairs of factors with levels on the final selection IoU.

    Uses the factorial model (`analysis.statistics.factorial`) with complete and pruned trials. A pair of switches has
    one
    row, for both being on.

    Args:
        sweep: The sweep, finished or not.

    Raises:
        UserError: Fewer than two factors with levels varied, too few trials are complete, or the tables hold values
            that
            no sweep writes.
    """
    with readable(sweep):
        design = read_design(sweep)
        with_levels = [factor for factor in design.factors if factor.range is None]
        if len(with_levels) < 2:
            raise UserError(f"{sweep.root} varied fewer than two factors with levels: there are no interactions")
        if not has_residual_freedom(design):
            raise UserError(
                f"{sweep.root} has no more complete trials than its factors have effects: interactions need "
                "more trials or replicates"
            )
        return interactions_of(design)


def interactions_of(design: Design) -> Interactions:
    """Return the interactions; at least one trial must be complete."""
    sample = design.subset(sample_rows(design, MOST_TRIALS))
    trials, posterior = fit_shrunk(sample)
    return Interactions(
        interactions=_ordered(sample, trials, posterior),
        trials=len(sample.trials),
        complete=int((~np.isnan(sample.scores[:, -1])).sum()),
        notes=_notes(design, sample, trials),
    )


def _ordered(design: Design, trials: Trials, posterior: CoefficientPosterior) -> list[Interaction]:
    from scipy import stats

    rows: list[tuple[int, int, str, str, float, float]] = []
    for (f, g), start, stop in _pairs(trials):
        a, b = design.factors[f], design.factors[g]
        if a.range is not None or b.range is not None:
            continue
        mean, covariance = posterior.mean[start:stop], posterior.covariance[start:stop, start:stop]
        for level_a, level_b in itertools.product(reported_levels(a), reported_levels(b)):
            weights = np.kron(trials.bases[f].columns([level_a])[0], trials.bases[g].columns([level_b])[0])
            rows.append((f, g, level_a, level_b, float(weights @ mean), math.sqrt(weights @ covariance @ weights)))
    p_values = adjusted([float(2 * stats.norm.sf(abs(row[4]) / row[5])) for row in rows], "bh")
    half = float(stats.norm.ppf((1 + LEVEL) / 2))
    complete = ~np.isnan(design.scores[:, -1])
    unordered = []
    for (f, g, level_a, level_b, effect, error), p_value in zip(rows, p_values, strict=True):
        assert p_value is not None
        names = design.factors[f].name, design.factors[g].name
        both = (design.trials[names[0]] == level_a) & (design.trials[names[1]] == level_b)
        unordered.append(
            Interaction(
                factor_a=names[0],
                level_a=level_a,
                factor_b=names[1],
                level_b=level_b,
                n=int((both.to_numpy() & complete).sum()),
                effect=effect,
                low=effect - half * error,
                high=effect + half * error,
                p_value=p_value,
            )
        )
    order = sorted(range(len(unordered)), key=lambda i: -abs(rows[i][4]) / rows[i][5])
    return [unordered[i] for i in order]


def _pairs(trials: Trials) -> list[tuple[tuple[int, int], int, int]]:
    """Return each pair with the start and end of its coefficients."""
    pairs, start = [], 0
    for group in trials.groups:
        stop = start + math.prod(trials.bases[f].width for f in group)
        if len(group) == 2:
            pairs.append(((group[0], group[1]), start, stop))
        start = stop
    return pairs


def _notes(design: Design, sample: Design, trials: Trials) -> list[str]:
    notes = ["interactions are shrunk towards 0 where the trials say little, instead of reporting noise"]
    if len(sample.trials) < len(design.trials):
        notes.append(
            f"uses a random {len(sample.trials)} of {len(design.trials)} trials, the most the model can handle"
        )
    ranges = [factor.name for factor in design.factors if factor.range is not None]
    if ranges:
        notes.append(f"interactions with ranges are in the model but not listed: {', '.join(ranges)}")
    aliases = _aliases(sample, trials)
    if aliases:
        notes.append(
            f"the trials cannot distinguish these, so their effect is divided among them: {'; '.join(aliases)}"
        )
    return notes


def _aliases(design: Design, trials: Trials) -> list[str]:
    """Return groups of effects of switches whose columns are equal at all complete trials."""
    complete = ~np.isnan(design.scores[:, -1])
    names, columns = [], []
    for group in trials.groups:
        if all(trials.bases[f].width == 1 for f in group):
            column = np.prod([trials.columns[f][complete, 0] for f in group], axis=0)
            names.append(" x ".join(design.factors[f].name for f in group))
            columns.append(column / max(float(np.linalg.norm(column)), 1e-300))
    if not columns:
        return []
    cosines = np.abs(np.array(columns) @ np.array(columns).T) > _ALIASED
    groups = {tuple(np.flatnonzero(row).tolist()) for row in cosines if row.sum() > 1}
    return [" = ".join(names[i] for i in group) for group in sorted(groups)]
