"""What each level of each factor contributes to the score, with intervals, honest about pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.factored import Fit, fit
from analysis.intervals import LEVEL
from analysis.observed import Observed, SpaceFactor, observe
from analysis.power import needed_noncentrality
from analysis.tables import Sweep, readable
from seatbelt.errors import UserError
from seatbelt.records import FINAL, Status

Estimator = Literal["least squares", "factored likelihood", "rung", "naive"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How much a level adds to the score, against the reference level of its factor.

    All numbers are differences of mean IoU.
    """

    factor: str
    level: str
    reference: str
    n: int
    """Trials at the level with a score at the epoch that is told of."""
    effect: float | None
    """None where the trials do not tell it: no complete trial, or aliased with others."""
    low: float | None
    high: float | None
    p_value: float | None
    """Of no effect, adjusted over all effects (Holm)."""
    detectable: float | None
    """Smallest effect that would be found with 80 % power at 5 %: below it, "no difference" was not shown."""

    @property
    def decided(self) -> bool:
        """Whether it differs from zero after the adjustment."""
        return self.p_value is not None and self.p_value < 1 - LEVEL


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of a sweep's factors."""

    effects: list[Effect]
    estimator: Estimator
    epoch: int
    """The scores are the best up to this epoch."""
    trials: int
    complete: int
    cluster: str
    """What counts as independent: arms, or trials where a level is one arm."""
    clusters: int
    notes: list[str]


def effects(sweep: Sweep, *, factor: str | None = None, at: int | None = None, naive: bool = False) -> Effects:
    """Estimate the main effects of a sweep's factors on the selection IoU.

    One additive model of all factors, with a constant for each replicate (replicates share their seed, so that arms
    are compared in pairs). In a sweep that was pruned, the final score is estimated through the rungs
    (`analysis.factored`), never by averaging last values.

    Args:
        sweep: The sweep, finished or not.
        factor: Only the effects of this one; the model holds all.
        at: Compare the scores at this epoch, which every trial must have reached, instead of the final ones.
        naive: Average whatever each trial reached last: wrong in a pruned sweep, for comparison only.

    Raises:
        UserError: No factor varied, no such factor, the epoch compares trials that were selected for it, or the
            tables hold what no sweep writes.
    """
    with readable(sweep):
        return _effects(sweep, factor, at, naive)


def _effects(sweep: Sweep, factor: str | None, at: int | None, naive: bool) -> Effects:
    found = observe(sweep)
    if not found.factors:
        raise UserError(f"{sweep.root} varied no factor so far: there is nothing to compare")
    if factor is not None and factor not in [f.name for f in found.factors]:
        names = ", ".join(f.name for f in found.factors)
        raise UserError(f"--factor {factor} did not vary in {sweep.root}; these did: {names}")
    scores, epoch, estimator = _chosen(sweep, found, at, naive)
    known = ~np.isnan(scores[:, -1])
    if not known.any():
        raise UserError(f"{sweep.root} has no complete trial yet; --at {found.epochs[0]} compares the first rung")
    columns, design = design_matrix(found)
    cluster, fitted = _fitted(design, scores, found)
    told = [_effect(column, i, fitted, found, known) for i, column in enumerate(columns) if column is not None]
    adjusted = _adjusted(told)
    return Effects(
        effects=[effect for effect in adjusted if factor in (None, effect.factor)],
        estimator=estimator,
        epoch=epoch,
        trials=len(scores),
        complete=int(known.sum()),
        cluster=cluster,
        clusters=fitted.clusters,
        notes=_notes(found, estimator, adjusted),
    )


@dataclass(frozen=True)
class Contrast:
    """A column of the design that is told of."""

    factor: SpaceFactor
    level: str
    reference: str


def design_matrix(found: Observed) -> tuple[list[Contrast | None], NDArray[np.float64]]:
    """Return the columns of the additive model, and (n, p) their values.

    A level has a column of 0 and 1 (its reference has none), a range one of its value, per decade where it is
    logarithmic. The intercept and the replicates come first, as None.
    """
    n = len(found.trials)
    columns: list[Contrast | None] = [None]
    values = [np.ones(n)]
    replicates = found.trials["replicate"].to_numpy()
    for replicate in sorted(set(replicates.tolist()))[1:]:
        columns.append(None)
        values.append((replicates == replicate).astype(np.float64))
    for factor in found.factors:
        labels = found.trials[factor.name].to_numpy()
        if factor.continuous:
            numbers = np.asarray(labels, dtype=np.float64)
            scaled = np.log10(numbers) if factor.log else (numbers - factor.low) / (factor.high - factor.low)
            columns.append(Contrast(factor, "x 10" if factor.log else f"{factor.low:g} to {factor.high:g}", "-"))
            values.append(scaled - scaled.mean())
            continue
        present = set(labels.tolist())
        reference = reference_level(factor, present, found.baseline)
        for level in factor.levels:
            if level in present and level != reference:
                columns.append(Contrast(factor, level, reference))
                values.append((labels == level).astype(np.float64))
    return columns, np.stack(values, axis=1)


def reference_level(factor: SpaceFactor, present: set[str], baseline: dict[str, str]) -> str:
    """Return the level that others are compared with: off, else the baseline's, else the first one."""
    wanted = "off" if set(factor.levels) == {"on", "off"} else baseline.get(factor.name, "")
    return wanted if wanted in present else next(level for level in factor.levels if level in present)


def _chosen(sweep: Sweep, found: Observed, at: int | None, naive: bool) -> tuple[NDArray[np.float64], int, Estimator]:
    if naive:
        reached = ~np.isnan(found.scores)
        last = found.scores.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)
        return found.scores[np.arange(len(last)), last][:, None], found.epochs[-1], "naive"
    if at is None:
        return found.scores, found.epochs[-1], "factored likelihood" if found.pruned else "least squares"
    if at not in found.epochs:
        known = ", ".join(map(str, found.epochs))
        raise UserError(f"--at {at} is no rung of {sweep.root}; its rungs are {known}")
    position = found.epochs.index(at)
    if position and np.isnan(found.scores[:, position]).any():
        raise UserError(
            f"--at {at} compares trials that were promoted for their scores with one another; the first rung, "
            f"--at {found.epochs[0]}, compares all, and without --at pruning is accounted for"
        )
    return found.scores[:, position : position + 1], at, "rung"


def _fitted(design: NDArray[np.float64], scores: NDArray[np.float64], found: Observed) -> tuple[str, Fit]:
    """Take arms for independent where there are enough of them, else trials."""
    by_arm = fit(design, scores, list(found.trials["arm_key"]))
    if by_arm.covariance is not None:
        return "arms", by_arm
    return "trials", fit(design, scores, list(found.trials["trial_key"]))


def _effect(column: Contrast, position: int, fitted: Fit, found: Observed, known: NDArray[np.bool_]) -> Effect:
    from scipy import stats

    labels = found.trials[column.factor.name].to_numpy()
    at_level = known if column.factor.continuous else known & (labels == column.level)
    value = float(fitted.coefficients[position])
    common = {"factor": column.factor.name, "level": column.level, "reference": column.reference}
    if np.isnan(value) or fitted.covariance is None:
        shown = None if np.isnan(value) else value
        return Effect(**common, n=int(at_level.sum()), effect=shown, low=None, high=None, p_value=None, detectable=None)
    error = float(np.sqrt(fitted.covariance[position, position]))
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, fitted.freedom))
    return Effect(
        **common,
        n=int(at_level.sum()),
        effect=value,
        low=value - quantile * error,
        high=value + quantile * error,
        p_value=float(2 * stats.t.sf(abs(value) / error, fitted.freedom)) if error > 0 else float(value == 0),
        detectable=needed_noncentrality(fitted.freedom) * error,
    )


def _adjusted(found: Sequence[Effect]) -> list[Effect]:
    """Adjust the p-values over the family (Holm 1979)."""
    order = sorted((e.p_value, i) for i, e in enumerate(found) if e.p_value is not None)
    adjusted: dict[int, float] = {}
    highest = 0.0
    for rank, (p_value, i) in enumerate(order):
        highest = max(highest, min(1.0, p_value * (len(order) - rank)))
        adjusted[i] = highest
    return [replace(effect, p_value=adjusted.get(i)) for i, effect in enumerate(found)]


def _notes(found: Observed, estimator: Estimator, told: Sequence[Effect]) -> list[str]:
    notes = []
    if estimator == "factored likelihood":
        notes.append(
            f"{found.pruned} of {len(found.scores)} trials have no final score; it is estimated through their rungs"
        )
    ended = found.trials["status"].isin([status.value for status in FINAL - {Status.COMPLETE}]).sum()
    if ended:
        notes.append(
            f"{ended} trials failed, diverged or did not fit into memory: that says nothing good of their levels, and "
            "no effect shows it"
        )
    if estimator == "naive" and found.pruned:
        notes.append("NAIVE: last values of pruned and complete trials are averaged; pruning biases every effect")
    missing = [f"{e.factor}={e.level}" for e in told if e.effect is None]
    if missing:
        notes.append(f"not told by the complete trials (none, or aliased): {', '.join(missing)}")
    if all(e.low is None for e in told):
        notes.append("too few complete trials for intervals; more --replicates give them")
    return notes
