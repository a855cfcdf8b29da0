"""The factorial surrogate suggests the next cell and recommends one, by the factorial model.

It reads cells and scores and knows nothing of sweeps, so that sweeps and Optuna studies share it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.statistics.factorial import (
    Scales,
    ScoreSurface,
    SurfacePosterior,
    correlation_of_scores,
)
from runners.core.candidates import Row
from runners.core.strategies.observations import Observations

Floats = NDArray[np.float64]

START = 16
"""Balanced cells before the model suggests anything."""
MOST_COMPLETE, MOST_PARTIAL = 450, 250
"""Most trials that the model reads, which bounds the cost of a decision."""

TRUSTED_CORRELATION = 0.8
"""A rung prunes if its scores are expected to have at least this correlation with final scores."""

_REPEAT, _FREE, _PROBE = 0.2, 0.5, 0.25
_PROBE_DRAWS = 8
_PAIR_DRAWS = 64
_MOST_SURE = 0.999
_CLIMBS = 4
_DRAWN_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A cell to try next."""

    row: Row
    reason: str
    probe: bool = False


@dataclass(frozen=True, kw_only=True)
class BestTried:
    """The arm with the highest expected score.

    Attributes:
        row: The arm.
        score: Expected final IoU.
        error: Standard deviation of the expected IoU.
    """

    row: Row
    score: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """Probability that the recommended arm is among the best.

    Attributes:
        row: The arm.
        probability: Probability that no cell is better by more than the margin.
        rival: The cell that most often is better by more; None if no draw has one.
        further_trials: Roughly the further trials of these two arms that settle it; None without a rival.
    """

    row: Row
    probability: float
    rival: Row | None
    further_trials: int | None


def first_cells(observations: Observations, random: np.random.Generator, start: int = START) -> Suggestion | None:
    """Return a cell of the balanced start: levels equally often, no cell twice; None after `start` cells."""
    if len(observations.tried) >= start:
        return None
    tried = set(observations.tried)
    drawn = observations.space.random(random, _DRAWN_ROWS)
    rows = [row for row in drawn if row not in tried and row not in observations.closed]
    if not rows:
        return None
    # A range is balanced over at most eight parts.
    parts = np.array([min(len(x), 8) / len(x) for x in observations.space.labels])
    occupied = (np.array(observations.tried).reshape(-1, len(parts)) * parts).astype(int)
    numbers = (np.array(rows) * parts).astype(int)
    crowded = (occupied[:, None, :] == numbers[None, :, :]).sum(axis=(0, 2))
    return Suggestion(row=rows[int(np.argmin(crowded))], reason="of the balanced start")


@dataclass(kw_only=True)
class Surrogate:
    """The factorial model of some observations."""

    observations: Observations
    belief: SurfacePosterior
    mean: ScoreSurface = field(init=False)
    _numbers: dict[Row, int] = field(init=False)

    @classmethod
    def of(cls, observations: Observations, scales: Scales) -> Surrogate:
        """Return the surrogate of some observations, under given scales."""
        whole = np.flatnonzero(~np.isnan(observations.scores[:, -1]))
        partial = np.flatnonzero(np.isnan(observations.scores[:, -1]))
        some = [_newest_and_random(whole, MOST_COMPLETE), _newest_and_random(partial, MOST_PARTIAL)]
        indices = np.sort(np.concatenate(some))
        surrogate = cls(observations=observations, belief=SurfacePosterior(observations.trials(indices), scales))
        surrogate.mean = surrogate.belief.mean()
        names = sorted({str(observations.rows[i]) for i in indices})
        position = {name: i for i, name in enumerate(names)}
        surrogate._numbers = {observations.rows[i]: position[str(observations.rows[i])] for i in indices}
        return surrogate

    def suggest(self, random: np.random.Generator, *, probes: bool) -> Suggestion | None:
        """Return the next cell to try; None if nothing is left.

        Args:
            random: Random generator.
            probes: Single changes of the best cell may be tried; such trials are never pruned.
        """
        best = self.best()
        if probes and random.random() < _PROBE and (probe := self._probe(best, random)) is not None:
            return Suggestion(row=probe, reason="the best cell with one factor neighbours", probe=True)
        if random.random() < _REPEAT and self._usable(best):
            return Suggestion(row=best, reason="the best cell so far, by the model")
        surface = self.belief.draw(random)
        count = len(best)
        free = np.flatnonzero(random.random(count) < _FREE)
        if not len(free):
            free = random.integers(count, size=1)
        for chosen in (free, np.arange(count)):
            row = self._maximum(surface, best, chosen)
            if row is not None:
                return Suggestion(row=row, reason="best in a draw from the model")
        return None

    @property
    def trusts_rungs(self) -> bool:
        """True if scores at the first rung predict final scores well enough to prune by them."""
        correlations = correlation_of_scores(self.observations.space.bases, self.belief.scales)
        return bool(correlations[0, -1] >= TRUSTED_CORRELATION)

    def best(self) -> Row:
        """Return the cell with the highest expected score, tried or not."""
        listed = self.observations.space.listed
        if listed is not None:
            return _row(listed[int(np.argmax(self._scores(self.mean, listed)))])
        allowed = self.observations.space.allowed
        tried = np.array(sorted(self._numbers))
        order = np.argsort(-self._scores(self.mean, tried))[:_CLIMBS]
        everything = range(tried.shape[1])
        ascend = self.observations.space.coordinate_ascent
        ascents = [ascend(self.mean, _row(tried[i]), everything, allowed) for i in order]
        return max(ascents, key=lambda ascent: ascent[1])[0]

    def recommend(self, random: np.random.Generator, *, draws: int = 64) -> BestTried | None:
        """Return the tried arm with the highest expected score; None if no trial has a score at a rung."""
        if not self._numbers:
            return None
        row, score = self._best_tried()
        drawn = [self._scores(self.belief.draw(random), np.array([row]))[0] for _ in range(draws)]
        return BestTried(row=row, score=score, error=float(np.std(drawn)))

    def certainty(
        self, within: float, sure: float, random: np.random.Generator, *, draws: int = 256
    ) -> Certainty | None:
        """Return the probability that the recommended arm is within a margin of the best cell; None without scores.

        Args:
            within: Margin, IoU.
            sure: Required probability, for the estimate of further trials.
            random: Random generator.
            draws: Number of surfaces to draw.
        """
        if not self._numbers:
            return None
        recommended, start = self._best_tried()[0], self.best()
        lead, rivals = np.empty(draws), []
        for i in range(draws):
            surface = self.belief.draw(random)
            top, rival = self._top(surface, (recommended, start), random)
            lead[i] = top - self._scores(surface, np.array([recommended]))[0]
            rivals.append(rival)
        better = [rival for rival, ahead in zip(rivals, lead.tolist(), strict=True) if ahead > within]
        probability = 1 - len(better) / draws
        if not better:
            return Certainty(row=recommended, probability=probability, rival=None, further_trials=None)
        rival = max(set(better), key=lambda row: (better.count(row), row))
        return Certainty(
            row=recommended,
            probability=probability,
            rival=rival,
            further_trials=self._trials_to_be_sure(recommended, rival, within, sure, random),
        )

    def _best_tried(self) -> tuple[Row, float]:
        rows = sorted(self._numbers)
        scores = self._scores(self.mean, np.array(rows))
        return rows[int(np.argmax(scores))], float(scores.max())

    def _top(self, surface: ScoreSurface, starts: tuple[Row, ...], random: np.random.Generator) -> tuple[float, Row]:
        """Return the highest score of a drawn surface and its cell; residuals of untried arms are drawn too."""
        listed = self.observations.space.listed
        if listed is not None:
            scores = self._scores(surface, listed, self.belief.scales.arm_residual * random.normal(size=len(listed)))
            return float(scores.max()), _row(listed[int(np.argmax(scores))])
        allowed, everything = self.observations.space.allowed, range(len(starts[0]))
        ascents = [self.observations.space.coordinate_ascent(surface, start, everything, allowed) for start in starts]
        row, score = max(ascents, key=lambda ascent: ascent[1])
        return score, row

    def _trials_to_be_sure(
        self, recommended: Row, rival: Row, within: float, sure: float, random: np.random.Generator
    ) -> int:
        """Return roughly how many trials of two arms settle that one is within a margin of the other.

        The difference is taken as normal, and each pair of trials measures it with twice the variance of a trial's
        noise.
        """
        both = np.array([recommended, rival])
        drawn = np.array([self._scores(self.belief.draw(random), both) for _ in range(_PAIR_DRAWS)])
        spread = float(np.std(drawn[:, 0] - drawn[:, 1]))
        score, rival_score = self._scores(self.mean, both)
        margin = max(float(score - rival_score) + within, within / 2)
        error = margin / float(norm.ppf(min(sure, _MOST_SURE)))
        pairs = 2 * float(self.belief.scales.noise[-1, -1]) * (1 / error**2 - 1 / spread**2)
        return 2 * max(1, int(np.ceil(pairs)))

    def _scores(self, surface: ScoreSurface, rows: NDArray[np.intp], beyond: Floats | None = None) -> Floats:
        """Return the scores of rows with the residuals of tried arms, and `beyond` as the residual of others."""
        positions = np.array([self._numbers.get(row, -1) for row in map(tuple, rows.tolist())])
        residuals = np.where(positions >= 0, surface.arms[positions], 0.0 if beyond is None else beyond)
        return np.asarray(surface.at(self.observations.space.columns(rows)) + residuals)

    def _usable(self, row: Row) -> bool:
        return row not in self.observations.closed and self.observations.space.allowed(row)

    def _maximum(self, surface: ScoreSurface, best: Row, free: NDArray[np.intp]) -> Row | None:
        listed = self.observations.space.listed
        if listed is None:
            top, _ = self.observations.space.coordinate_ascent(surface, best, free.tolist(), self._usable)
            if self._usable(top):
                return top
            neighbours = [row for row in self.observations.space.neighbours(top, free.tolist()) if self._usable(row)]
            return neighbours[int(np.argmax(self._scores(surface, np.array(neighbours))))] if neighbours else None
        fixed = np.setdiff1d(np.arange(len(best)), free)
        rows = listed[(listed[:, fixed] == np.array(best)[fixed]).all(axis=1)]
        rows = rows[[row not in self.observations.closed for row in map(tuple, rows.tolist())]]
        return _row(rows[int(np.argmax(self._scores(surface, rows)))]) if len(rows) else None

    def _probe(self, best: Row, random: np.random.Generator) -> Row | None:
        rows = [row for row in self.observations.space.neighbours(best, range(len(best))) if self._usable(row)]
        if not rows:
            return None
        drawn = [self._scores(self.belief.draw(random), np.array(rows)) for _ in range(_PROBE_DRAWS)]
        hope = self._scores(self.mean, np.array(rows)) + 2 * np.std(drawn, axis=0)
        hope -= 0.02 * np.array([row in self.observations.running for row in rows])
        return rows[int(np.argmax(hope))]


def _newest_and_random(numbers: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return all numbers, or the newest ones and as many random older ones, `most` in all."""
    if len(numbers) <= most:
        return numbers
    older, newest = numbers[: -(most // 2)], numbers[-(most // 2) :]
    return np.concatenate([np.random.default_rng(0).permutation(older)[: most - len(newest)], newest])


def _row(numbers: NDArray[np.intp]) -> Row:
    return tuple(int(x) for x in numbers)
