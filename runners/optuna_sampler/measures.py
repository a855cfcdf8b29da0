"""Values of Optuna trials as scores of the factorial model: the final value, and one at a rung before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from analysis.statistics.factorial import Basis, usual_deviation

Floats = NDArray[np.float64]

_NORMAL_QUARTILES = 1.349
"""Distance between the quartiles of a normal distribution, in standard deviations."""
_FAR_OUT = 3.0
"""Scores are clipped this many interquartile ranges below the first quartile, because the model is normal."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Turns values into scores to maximise.

    Attributes:
        sign: -1 if values are minimised, else 1.
        steps: The step of the rung, if there is one, and the last step.
        unit: Divisor that gives scores the spread that the model expects of IoU.
        floors: Lowest score at each step, before the division.
    """

    sign: float
    steps: tuple[int, ...]
    unit: float
    floors: tuple[float, ...]

    @property
    def epochs(self) -> tuple[int, ...]:
        """The steps, counted from 1."""
        return tuple(step + 1 for step in self.steps)

    def scores(self, trials: Sequence[FrozenTrial]) -> Floats:
        """Return the scores (n, K) of trials; NaN at steps that a trial did not reach."""
        raw = _raw(trials, self.steps, self.sign)
        return np.asarray(np.clip(raw, self.floors, None) / self.unit)


def measure_of(trials: Sequence[FrozenTrial], sign: float, bases: Sequence[Basis]) -> Measure | None:
    """Return the measure of some finished trials; None if no trial is complete."""
    if not any(trial.state is TrialState.COMPLETE for trial in trials):
        return None
    steps = _steps(trials)
    raw = _raw(trials, steps, sign)
    floors = tuple(_floor(column[~np.isnan(column)]) for column in raw.T)
    ends = np.clip(raw[:, -1], floors[-1], None)
    low, high = np.nanquantile(ends, (0.25, 0.75))
    # If most values are equal, so are the quartiles.
    deviation = float((high - low) / _NORMAL_QUARTILES or np.nanstd(ends))
    unit = deviation / usual_deviation(bases, [step + 1 for step in steps])
    return Measure(sign=sign, steps=steps, unit=unit or 1.0, floors=floors)


def _steps(trials: Sequence[FrozenTrial]) -> tuple[int, ...]:
    """Return the step at which most trials were pruned, if it is not the last one, and the last step."""
    ends = [max(t.intermediate_values, default=0) for t in trials if t.state is TrialState.COMPLETE]
    last = max(ends, default=0)
    stops = Counter(
        max(t.intermediate_values) for t in trials if t.state is TrialState.PRUNED and t.intermediate_values
    )
    early = {step: count for step, count in stops.items() if step < last}
    return (min(early, key=lambda step: (-early[step], step)), last) if early else (last,)


def _raw(trials: Sequence[FrozenTrial], steps: Sequence[int], sign: float) -> Floats:
    scores = np.full((len(trials), len(steps)), np.nan)
    for i, trial in enumerate(trials):
        for k, step in enumerate(steps[:-1]):
            scores[i, k] = _value_at(trial, step)
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            scores[i, -1] = trial.value
    # An infinite value counts as the worst or the best finite one.
    scores *= sign
    for column in scores.T:
        finite = column[np.isfinite(column)]
        if len(finite):
            np.clip(column, finite.min(), finite.max(), out=column)
        else:
            column[:] = np.where(np.isnan(column), np.nan, 0.0)
    return scores


def _value_at(trial: FrozenTrial, step: int) -> float:
    """Return the last value up to a step; NaN if the trial did not reach the step."""
    reported = trial.intermediate_values
    steps_before = [s for s in reported if s <= step]
    return reported[max(steps_before)] if steps_before and max(reported) >= step else np.nan


def _floor(scores: Floats) -> float:
    if not len(scores):
        return -np.inf
    low, high = np.quantile(scores, (0.25, 0.75))
    return float(low - _FAR_OUT * (high - low)) if high > low else -np.inf
