"""Comparisons of all arms of a sweep at once: their range, and whether one is the best.

Both assume an additive model of arms and replicates with a common residual variance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.reading.arrays import Floats
from analysis.statistics.intervals import LEVEL
from analysis.thesis.scores import ArmScores, ContrastEstimate
from seatbelt.records.sweep import cell_text

Measured = tuple[list[ContrastEstimate], float | None, float | None, list[str]]
"""The contrasts, the p-values that support and refute the claim, and notes."""


def spread_of_all(scores: ArmScores, margin: float) -> Measured:
    """Return the range of all arms, and the p-values that it is below and above a margin.

    The studentized range bounds the errors of all pairwise differences simultaneously, hence of the largest (Tukey
    1953;
    Miller, Simultaneous Statistical Inference, 1981, chapter 2). This is exact for the differences and conservative for
    the range.
    """
    from scipy import stats

    arms, table = scores.table()
    if len(arms) < 2 or not table.size:
        return [], None, None, ["the arms have no replicate in common"]
    means = table.mean(axis=1)
    width = float(means.max() - means.min())
    name = f"{len(arms)} arms: {_name(arms[int(means.argmax())])} minus {_name(arms[int(means.argmin())])}"
    error, freedom = _error(table)
    if error is None:
        return [_range(name, width, table, None, 0, None)], None, None, []
    critical = float(stats.studentized_range.ppf(LEVEL, len(arms), freedom))
    part = _range(name, width, table, error, freedom, critical)
    if error == 0:
        return [part], float(width >= margin), float(width <= margin), []
    below, above = (
        float(stats.studentized_range.sf(max(0.0, distance) / error, len(arms), freedom))
        for distance in (margin - width, width - margin)
    )
    return [part], below, above, []


def one_against_all(scores: ArmScores, arm: Mapping[str, str], above: float, below: float) -> Measured:
    """Return one arm minus the best other arm, and p-values for it being above a bound for all and below one for any.

    A note counts the arms that cannot be distinguished from the best.
    """
    from scipy import stats

    arms, table = scores.table()
    positions = [i for i, cell in enumerate(arms) if arm.items() <= cell.items()]
    if len(positions) != 1 or len(arms) < 2 or not table.size:
        return [], None, None, [f"the sweep has no scores of {cell_text(arm)} and other arms"]
    means = table.mean(axis=1)
    others = [i for i in range(len(arms)) if i != positions[0]]
    best = max(others, key=lambda i: means[i])
    effect = float(means[positions[0]] - means[best])
    error, freedom = _error(table)
    rank = int((means > means[positions[0]]).sum()) + 1
    notes = [f"rank {rank} of {len(arms)} arms"]
    whole = f"{_name(arms[positions[0]])} minus {_name(arms[best])}"
    if error is None:
        return [ContrastEstimate(name=whole, effect=effect, error=None, freedom=0, n=table.shape[1])], None, None, notes
    error *= math.sqrt(2)
    # One-sided bounds for all other arms simultaneously (Bonferroni).
    critical = float(stats.t.ppf(1 - (1 - LEVEL) / 2 / len(others), freedom))
    part = ContrastEstimate(
        name=whole, effect=effect, error=error, freedom=freedom, n=table.shape[1], critical=critical
    )
    alike = int((means >= means.max() - critical * error).sum())
    notes.append(f"{alike} of {len(arms)} arms cannot be distinguished from the best")
    if error == 0:
        return [part], float(effect <= above), float(effect >= below), notes
    holds = min(1.0, 2 * float(stats.t.sf((effect - above) / error, freedom)))
    fails = min(1.0, 2 * len(others) * float(stats.t.sf((below - effect) / error, freedom)))
    return [part], holds, fails, notes


def _range(
    name: str, width: float, table: Floats, error: float | None, freedom: int, critical: float | None
) -> ContrastEstimate:
    return ContrastEstimate(
        name=name, effect=width, error=error, freedom=freedom, n=table.shape[1], critical=critical, least=0.0
    )


def _error(table: Floats) -> tuple[float | None, int]:
    """Return the standard error of an arm's mean after removing replicates, and its degrees of freedom."""
    arms, replicates = table.shape
    freedom = (arms - 1) * (replicates - 1)
    if freedom < 1:
        return None, 0
    residuals = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    return math.sqrt(float((residuals**2).sum()) / freedom / replicates), freedom


def _name(cell: Mapping[str, str]) -> str:
    return "/".join(cell.values()) if set(cell) == {"encoder", "decoder"} else cell_text(cell)
