"""Trials and scores in the form that the factorial surrogate reads, and the scales estimated from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.factorial import Scales, Trials, fit_scales, trials_of, usual_deviation
from analysis.statistics.factorial.scales import ScaleVector, expected_scales, scaled
from runners.core.candidates import CandidateSpace, Row
from search_spaces.space import Cell

Floats = NDArray[np.float64]

LEARN_FROM = 12
"""Trials with a score before scales are estimated; until then the prior holds."""
GROWTH = 1.25
"""Scales are estimated again when the number of trials has grown by this factor."""
MOST_LEARNED_FROM = 110
_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Trials and their scores.

    Attributes:
        space: The candidates.
        epochs: K rising epochs; the last one is the end of a trial.
        cells: Cells of the n trials with a score.
        scores: (n, K) IoU; NaN from the first epoch that a trial did not reach.
        replicates: n numbers; trials of one number share a seed.
        rows: The n cells as rows.
        tried: Rows of all trials, with a score or without.
        running: Rows of the trials that run or wait to run.
        closed: Rows that must not be proposed again.
    """

    space: CandidateSpace
    epochs: tuple[int, ...]
    cells: Sequence[Cell]
    scores: Floats
    replicates: Sequence[int]
    rows: Sequence[Row]
    tried: Sequence[Row]
    running: Collection[Row] = ()
    closed: Collection[Row] = ()

    def trials(self, indices: NDArray[np.intp]) -> Trials:
        """Return some of the trials in the form that the factorial model takes."""
        return trials_of(
            self.space.bases,
            [[self.cells[i][name] for i in indices] for name in self.space.names],
            self.scores[indices],
            [str(self.rows[i]) for i in indices],
            [self.replicates[i] for i in indices],
            self.epochs,
        )


def estimate_scales(observations: Observations, start: Scales | None) -> Scales:
    """Return the likeliest scales, from complete trials first and then from the newest.

    If final scores spread more widely than the prior expects, the prior is widened by the same factor.
    """
    whole = ~np.isnan(observations.scores[:, -1])
    order = np.argsort(~whole[::-1], kind="stable")[:MOST_LEARNED_FROM]
    indices = np.sort(len(whole) - 1 - order)
    trials = observations.trials(indices)
    widening = max(1.0, float(np.nanstd(trials.scores[:, -1])) / usual_deviation(trials.bases, trials.epochs))
    expected = scaled(expected_scales(len(trials.bases), trials.epochs), widening)
    (scales,) = fit_scales(trials, draws=1, expected=expected, start=start, steps=_STEPS)
    return scales


def packed(scales: Scales, factors: int, epochs: Sequence[int]) -> list[float]:
    """Return scales as numbers for the ledger."""
    return [float(x) for x in ScaleVector(expected_scales(factors, epochs)).pack(scales)]


def unpacked(numbers: Sequence[float], factors: int, epochs: Sequence[int]) -> Scales:
    """Return the scales that `packed` wrote."""
    return ScaleVector(expected_scales(factors, epochs)).unpack(np.array(numbers))
