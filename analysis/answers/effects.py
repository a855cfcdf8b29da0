"""The effect of each level on the score, with intervals that account for pruning."""

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
from analysis.statistics.estimators import Estimate, EstimatorName, default_estimator, estimate
from analysis.statistics.intervals import LEVEL
from analysis.statistics.multiple_testing import Family, adjusted
from analysis.statistics.power import needed_noncentrality
from analysis.statistics.subject_bootstrap import spread_over_subjects
from seatbelt.errors import UserError
from seatbelt.records.tables import FINAL, Status
from seatbelt.text.wording import counted

Score = Literal["selection", "test"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The effect of a level on the score, relative to the reference level of its factor.

    All numbers are differences of mean IoU.
    """

    factor: str
    level: str
    reference: str
    n: int
    """Trials at this level that have a score at `epoch`."""
    effect: float | None
    """None if the trials cannot identify it: no complete trial, or aliased with other effects."""
    low: float | None
    high: float | None
    p_value: float | None
    """P-value of no effect, adjusted over all effects."""
    detectable: float | None
    """Smallest effect detected with 80 % power at 5 %. A smaller one could exist without being decided."""

    @property
    def decided(self) -> bool:
        """Whether it differs from zero after the adjustment."""
        return self.p_value is not None and self.p_value < 1 - LEVEL


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of a sweep's factors."""

    effects: list[Effect]
    estimator: EstimatorName
    score: Score
    epoch: int
    """Scores are the best up to this epoch."""
    trials: int
    complete: int
    evidence: str
    """What the intervals are over, such as `33 arms`."""
    family: Family
    """Adjustment of the p-values over all effects."""
    notes: list[str]


@dataclass(frozen=True)
class _ScoreTable:
    """(n, K) scores whose last column is analysed, and their epochs."""

    scores: Floats
    epochs: tuple[int, ...]


def effects(
    sweep: SweepTables,
    *,
    factor: str | None = None,
    at: int | None = None,
    score: Score = "selection",
    estimator: EstimatorName | None = None,
    family: Family = "holm",
) -> Effects:
    """Estimate the main effects of a sweep's factors.

    Fits one model of all factors with a constant for each replicate (replicates share their seed, so arms are compared
    in
    pairs). In a pruned sweep the final score is estimated from the rungs and from the trials that continued or were
    exempt, never by averaging last values.

    Args:
        sweep: The sweep, finished or not.
        factor: Report only this factor; the model contains all.
        at: Compare scores at this epoch, which every trial must have reached, instead of final scores.
        score: Selection set or test set. Test intervals are also over subjects, because images of one person are not
            independent.
        estimator: `mixed`, `likelihood`, `weights`, or `naive`, which averages the last value of each trial: biased in
            a
            pruned sweep, for comparison only. None chooses by the sweep
            (`analysis.statistics.estimators.default_estimator`).
        family: Adjustment of the p-values over all effects.

    Raises:
        UserError: No factor varied, the factor does not exist, only selected trials reached the epoch, the options
            contradict each other, or the tables hold values that no sweep writes.
    """
    with readable(sweep):
        design = read_design(sweep)
        return _effects(
            sweep, design, factor, _scores_at(sweep, design, at, score, estimator), score, estimator, family
        )


def _effects(  # noqa: PLR0913
    sweep: SweepTables,
    design: Design,
    factor: str | None,
    table: _ScoreTable,
    score: Score,
    estimator: EstimatorName | None,
    family: Family,
) -> Effects:
    if not design.factors:
        raise UserError(f"{sweep.root} has varied no factor yet: there is nothing to compare")
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
    """Return the effect of each contrast with adjusted p-values.

    Args:
        design: The trials.
        estimated: Estimated from them.
        has_score: (n,) whether a trial has the score that is analysed.
        family: Adjustment of the p-values.
    """
    unadjusted = [_effect(contrast, i, estimated, design, has_score) for i, contrast in enumerate(contrasts_of(design))]
    p_values = adjusted([effect.p_value for effect in unadjusted], family)
    return [replace(effect, p_value=p_value) for effect, p_value in zip(unadjusted, p_values, strict=True)]


def _scores_at(
    sweep: SweepTables, design: Design, at: int | None, score: Score, estimator: EstimatorName | None
) -> _ScoreTable:
    if score == "test":
        if at is not None:
            raise UserError("--at and --score test cannot be combined: only complete trials are tested")
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
            f"--at {at} would compare only trials that were promoted for their scores; the first rung, "
            f"--at {design.epochs[0]}, compares all trials, and without --at pruning is accounted for"
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


def _notes(design: Design, estimator: EstimatorName, fitted: Estimate, all_effects: Sequence[Effect]) -> list[str]:
    notes = []
    if design.pruned and estimator != "naive":
        how = {
            "mixed": "their scores at the rungs are part of the model",
            "likelihood": "final scores are estimated through the rungs",
            "weights": "similar complete trials stand for them",
        }[estimator]
        notes.append(f"{design.pruned} of {counted(len(design.scores), 'trial')} without a final score; {how}")
    if len(fitted.rows) < len(design.trials):
        notes.append(
            f"uses a random {len(fitted.rows)} of {len(design.trials)} trials; the mixed model handles no more"
        )
    ended = design.trials["status"].isin([status.value for status in FINAL - {Status.COMPLETE}]).sum()
    if ended:
        notes.append(
            f"{counted(ended, 'trial')} failed, diverged or ran out of memory; effects do not account for that, "
            "although the levels may be the reason"
        )
    if estimator == "naive" and design.pruned:
        notes.append("NAIVE: averages the last values of pruned and complete trials; pruning biases every effect")
    missing = [f"{e.factor}={e.level}" for e in all_effects if e.effect is None]
    if missing:
        notes.append(f"not identified by the complete trials (none, or aliased): {', '.join(missing)}")
    if all(e.low is None for e in all_effects):
        notes.append("too few complete trials for intervals; add --replicates")
    return notes
