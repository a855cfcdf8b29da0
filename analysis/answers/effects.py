"""What each level of each factor contributes to the score, with intervals, honest about pruning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.reading.design import Design, read_design
from analysis.reading.tables import SweepTables, readable
from analysis.statistics.design_matrix import LevelContrast, contrasts_of
from analysis.statistics.estimators import Estimate, Name, default_estimator, estimate
from analysis.statistics.intervals import LEVEL
from analysis.statistics.multiple_testing import Family, adjusted
from analysis.statistics.power import needed_noncentrality
from analysis.statistics.subject_bootstrap import spread_over_subjects
from seatbelt.errors import UserError
from seatbelt.records.tables import FINAL, Status

Score = Literal["selection", "test"]


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
    """Of no effect, adjusted over all effects."""
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
    estimator: Name
    score: Score
    epoch: int
    """The scores are the best up to this epoch."""
    trials: int
    complete: int
    evidence: str
    """What the intervals are over, such as `33 arms`."""
    family: Family
    """How the p-values are adjusted over all effects."""
    notes: list[str]


@dataclass(frozen=True)
class _ScoreTable:
    """What is estimated: (n, K) scores, and their epochs."""

    scores: Floats
    epochs: tuple[int, ...]


def effects(
    sweep: SweepTables,
    *,
    factor: str | None = None,
    at: int | None = None,
    score: Score = "selection",
    estimator: Name | None = None,
    family: Family = "holm",
) -> Effects:
    """Estimate the main effects of a sweep's factors.

    One model of all factors, with a constant for each replicate (replicates share their seed, so that arms are compared
    in pairs). In a sweep that was pruned, the final score is estimated from the rungs and from the trials that went on
    or were exempt, never by averaging last values.

    Args:
        sweep: The sweep, finished or not.
        factor: Only the effects of this one; the model holds all.
        at: Compare the scores at this epoch, which every trial must have reached, instead of the final ones.
        score: On the selection set, or on the test set: there the interval is over subjects too, since images of one
            person are no independent evidence.
        estimator: `mixed`, `likelihood`, `weights`, or `naive`, which averages whatever each trial reached last, wrong
            in a pruned sweep and for comparison only; None for the one that suits the sweep
            (`analysis.statistics.estimators.default_estimator`).
        family: How p-values are adjusted over all effects.

    Raises:
        UserError: No factor varied, no such factor, the epoch compares trials that were selected for it, what was
            asked for does not go together, or the tables hold what no sweep writes.
    """
    with readable(sweep):
        design = read_design(sweep)
        return _effects(
            sweep, design, factor, _scores_at(sweep, design, at, score, estimator), score, estimator, family
        )


def _effects(
    sweep: SweepTables,
    design: Design,
    factor: str | None,
    table: _ScoreTable,
    score: Score,
    estimator: Name | None,
    family: Family,
) -> Effects:
    if not design.factors:
        raise UserError(f"{sweep.root} varied no factor so far: there is nothing to compare")
    if factor is not None and factor not in [f.name for f in design.factors]:
        names = ", ".join(f.name for f in design.factors)
        raise UserError(f"--factor {factor} did not vary in {sweep.root}; these did: {names}")
    has_score = ~np.isnan(table.scores[:, -1])
    if not has_score.any():
        raise UserError(f"{sweep.root} has no complete trial yet; --at {design.epochs[0]} compares the first rung")
    name = estimator or ("mixed" if score == "test" else default_estimator(design))
    fitted = estimate(name, design, table.scores, table.epochs)
    if score == "test" and fitted.covariance is not None and fitted.gain is not None:
        keys = list(design.trials["trial_key"].iloc[fitted.rows])
        fitted = replace(fitted, covariance=fitted.covariance + spread_over_subjects(sweep, keys, fitted.gain))
    all_effects = effects_of(design, fitted, has_score, family)
    return Effects(
        effects=[effect for effect in all_effects if factor in (None, effect.factor)],
        estimator=name,
        score=score,
        epoch=table.epochs[-1],
        trials=len(has_score),
        complete=int(has_score.sum()),
        evidence=fitted.evidence,
        family=family,
        notes=_notes(design, name, fitted, all_effects),
    )


def effects_of(design: Design, estimated: Estimate, has_score: NDArray[np.bool_], family: Family) -> list[Effect]:
    """Return what an estimate says of each contrast.

    Args:
        design: The trials.
        estimated: Estimated from them.
        has_score: (n,) which trials have the score that is told of.
        family: How p-values are adjusted.
    """
    unadjusted = [_effect(contrast, i, estimated, design, has_score) for i, contrast in enumerate(contrasts_of(design))]
    p_values = adjusted([effect.p_value for effect in unadjusted], family)
    return [replace(effect, p_value=p_value) for effect, p_value in zip(unadjusted, p_values, strict=True)]


def _scores_at(sweep: SweepTables, design: Design, at: int | None, score: Score, estimator: Name | None) -> _ScoreTable:
    if score == "test":
        if at is not None:
            raise UserError("--at and --score test do not go together: only complete trials are tested")
        if estimator not in (None, "mixed"):
            raise UserError(f"--score test takes --estimator mixed, not {estimator}")
        return _ScoreTable(np.column_stack([design.scores, design.test]), (*design.epochs, design.epochs[-1]))
    if at is None:
        return _ScoreTable(design.scores, design.epochs)
    if at not in design.epochs:
        rungs = ", ".join(map(str, design.epochs))
        raise UserError(f"--at {at} is no rung of {sweep.root}; its rungs are {rungs}")
    position = design.epochs.index(at)
    if position and np.isnan(design.scores[:, position]).any():
        raise UserError(
            f"--at {at} compares trials that were promoted for their scores with one another; the first rung, "
            f"--at {design.epochs[0]}, compares all, and without --at pruning is accounted for"
        )
    return _ScoreTable(design.scores[:, position : position + 1], (at,))


def _effect(
    contrast: LevelContrast, position: int, fitted: Estimate, design: Design, has_score: NDArray[np.bool_]
) -> Effect:
    from scipy import stats

    labels = design.trials[contrast.factor.name].to_numpy()
    at_level = has_score if contrast.factor.range is not None else has_score & (labels == contrast.level)
    value = float(fitted.values[position])
    estimated = None if np.isnan(value) else value
    effect = Effect(
        factor=contrast.factor.name,
        level=contrast.level,
        reference=contrast.reference,
        n=int(at_level.sum()),
        effect=estimated,
        low=None,
        high=None,
        p_value=None,
        detectable=None,
    )
    if estimated is None or fitted.covariance is None:
        return effect
    error = math.sqrt(fitted.covariance[position, position])
    half = float(stats.t.ppf((1 + LEVEL) / 2, fitted.freedom)) * error
    return replace(
        effect,
        low=value - half,
        high=value + half,
        p_value=float(2 * stats.t.sf(abs(value) / error, fitted.freedom)) if error > 0 else float(value == 0),
        detectable=needed_noncentrality(fitted.freedom) * error,
    )


def _notes(design: Design, estimator: Name, fitted: Estimate, all_effects: Sequence[Effect]) -> list[str]:
    notes = []
    if design.pruned and estimator != "naive":
        how = {
            "mixed": "it is estimated together with their rungs",
            "likelihood": "it is estimated through their rungs",
            "weights": "complete trials stand for those that they resemble",
        }[estimator]
        notes.append(f"{design.pruned} of {len(design.scores)} trials have no final score; {how}")
    if len(fitted.rows) < len(design.trials):
        notes.append(
            f"a random {len(fitted.rows)} of {len(design.trials)} trials were read: the mixed model takes no more"
        )
    ended = design.trials["status"].isin([status.value for status in FINAL - {Status.COMPLETE}]).sum()
    if ended:
        notes.append(
            f"{ended} trials failed, diverged or did not fit into memory: that says nothing good of their levels, and "
            "no effect shows it"
        )
    if estimator == "naive" and design.pruned:
        notes.append("NAIVE: last values of pruned and complete trials are averaged; pruning biases every effect")
    missing = [f"{e.factor}={e.level}" for e in all_effects if e.effect is None]
    if missing:
        notes.append(f"not told by the complete trials (none, or aliased): {', '.join(missing)}")
    if all(e.low is None for e in all_effects):
        notes.append("too few complete trials for intervals; more --replicates give them")
    return notes
