"""The factorial surrogate: which cell the factorial model would try next, and which it would recommend.

It knows cells, scores and nothing of sweeps, so that sweeps and Optuna's studies use it alike.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.factorial import (
    Scales,
    ScoreSurface,
    SurfacePosterior,
    Trials,
    correlation_of_scores,
    fit_scales,
    trials_of,
    usual_deviation,
)
from analysis.statistics.factorial.scales import ScaleVector, expected_scales, scaled
from runners.core.candidates import Choices, Row
from search_spaces.space import Cell

Floats = NDArray[np.float64]

START = 16
"""Balanced cells that come before anything is modelled."""
LEARN_FROM = 12
"""Trials with a score before scales are learned; until then they are what is expected."""
GROWTH = 1.25
"""They are learned again when there are so many times more trials."""
MOST_LEARNED_FROM = 110
MOST_COMPLETE, MOST_PARTIAL = 450, 250
"""Trials that the model reads: the cost of a decision is bounded by them."""

TRUSTED = 0.8
"""A rung prunes when scores there are expected to have this correlation with those at the end."""

_STEPS = 30
_REPEAT, _FREE, _PROBE = 0.2, 0.5, 0.25
_PROBE_DRAWS = 8
_PAIR_DRAWS = 64
_SUREST = 0.999
_CLIMBS = 4
_DRAWN_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was tried and measured.

    Attributes:
        choices: The space.
        epochs: K rising epochs; the last one is the end.
        cells: The n trials that have a score.
        scores: (n, K), theirs; NaN from the first epoch on that a trial did not reach.
        replicates: n numbers; trials of one number share a seed.
        rows: Their rows.
        tried: Rows of all trials, those without a score included.
        running: Rows of those that run or wait to.
        closed: Rows that may not be proposed again.
    """

    choices: Choices
    epochs: tuple[int, ...]
    cells: Sequence[Cell]
    scores: Floats
    replicates: Sequence[int]
    rows: Sequence[Row]
    tried: Sequence[Row]
    running: Collection[Row] = ()
    closed: Collection[Row] = ()

    def trials(self, kept: NDArray[np.intp]) -> Trials:
        """Return some of the trials with a score as the factorial model sees them."""
        return trials_of(
            self.choices.bases,
            [[self.cells[i][name] for i in kept] for name in self.choices.names],
            self.scores[kept],
            [str(self.rows[i]) for i in kept],
            [self.replicates[i] for i in kept],
            self.epochs,
        )


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A cell that the surrogate would try."""

    row: Row
    reason: str
    probe: bool = False


@dataclass(frozen=True, kw_only=True)
class BestTried:
    """The arm with the highest expected score.

    Attributes:
        row: Its row.
        score: Expected score at the end, IoU.
        error: Standard deviation of that.
    """

    row: Row
    score: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How sure it is that the recommended arm is among the best.

    Attributes:
        row: The arm.
        probability: That no cell is better by more than was asked for.
        rival: The cell that most often is; None where no draw has one.
        more: Roughly how many trials of these two arms it takes to be sure; None without a rival.
    """

    row: Row
    probability: float
    rival: Row | None
    more: int | None


def learned(seen: Seen, start: Scales | None) -> Scales:
    """Return the likeliest scales: of whole trials first, then of the newest.

    Where final scores are spread more widely than expected, everything is expected to be larger.
    """
    whole = ~np.isnan(seen.scores[:, -1])
    order = np.argsort(~whole[::-1], kind="stable")[:MOST_LEARNED_FROM]
    some = np.sort(len(whole) - 1 - order)
    trials = seen.trials(some)
    wider = max(1.0, float(np.nanstd(trials.scores[:, -1])) / usual_deviation(trials.bases, trials.epochs))
    expected = scaled(expected_scales(len(trials.bases), trials.epochs), wider)
    (found,) = fit_scales(trials, draws=1, expected=expected, start=start, steps=_STEPS)
    return found


def packed(scales: Scales, factors: int, epochs: Sequence[int]) -> list[float]:
    """Return scales as numbers that can be written down."""
    return [float(x) for x in ScaleVector(expected_scales(factors, epochs)).pack(scales)]


def unpacked(numbers: Sequence[float], factors: int, epochs: Sequence[int]) -> Scales:
    """Return the scales that were written down."""
    return ScaleVector(expected_scales(factors, epochs)).unpack(np.array(numbers))


def first_cells(seen: Seen, random: np.random.Generator, start: int = START) -> Suggestion | None:
    """Return a cell of the start: each level as often as any other, no cell twice; None when there are enough."""
    if len(seen.tried) >= start:
        return None
    tried = set(seen.tried)
    drawn = seen.choices.random(random, _DRAWN_ROWS)
    rows = [row for row in drawn if row not in tried and row not in seen.closed]
    if not rows:
        return None
    # A range is balanced over a few parts of it.
    parts = np.array([min(len(x), 8) / len(x) for x in seen.choices.labels])
    taken = (np.array(seen.tried).reshape(-1, len(parts)) * parts).astype(int)
    numbers = (np.array(rows) * parts).astype(int)
    crowded = (taken[:, None, :] == numbers[None, :, :]).sum(axis=(0, 2))
    return Suggestion(row=rows[int(np.argmin(crowded))], reason="of the balanced start")


@dataclass(kw_only=True)
class Surrogate:
    """The factorial model of what was seen, asked for cells."""

    seen: Seen
    belief: SurfacePosterior
    mean: ScoreSurface = field(init=False)
    _numbers: dict[Row, int] = field(init=False)

    @classmethod
    def of(cls, seen: Seen, scales: Scales) -> Surrogate:
        """Return the surrogate under some scales, of as many trials as it reads."""
        whole = np.flatnonzero(~np.isnan(seen.scores[:, -1]))
        partial = np.flatnonzero(np.isnan(seen.scores[:, -1]))
        some = np.sort(np.concatenate([_some(whole, MOST_COMPLETE), _some(partial, MOST_PARTIAL)]))
        made = cls(seen=seen, belief=SurfacePosterior(seen.trials(some), scales))
        made.mean = made.belief.mean()
        names = sorted({str(seen.rows[i]) for i in some})
        position = {name: i for i, name in enumerate(names)}
        made._numbers = {seen.rows[i]: position[str(seen.rows[i])] for i in some}
        return made

    def suggest(self, random: np.random.Generator, *, probes: bool) -> Suggestion | None:
        """Return what to try next, None if nothing is left.

        Args:
            random: Source of chance.
            probes: Whether single changes of the best cell may be tried, never to be pruned.
        """
        best = self.best()
        if probes and random.random() < _PROBE and (probe := self._probe(best, random)) is not None:
            return Suggestion(row=probe, reason="the best cell with one factor changed", probe=True)
        if random.random() < _REPEAT and self._usable(best):
            return Suggestion(row=best, reason="the best cell so far, by the model")
        surface = self.belief.draw(random)
        count = len(best)
        free = np.flatnonzero(random.random(count) < _FREE)
        if not len(free):
            free = random.integers(count, size=1)
        for chosen in (free, np.arange(count)):
            found = self._maximum(surface, best, chosen)
            if found is not None:
                return Suggestion(row=found, reason="best in a draw from the model")
        return None

    @property
    def trusts_rungs(self) -> bool:
        """Whether scores at the first rung say enough about the end to prune by them."""
        found = correlation_of_scores(self.seen.choices.bases, self.belief.scales)
        return bool(found[0, -1] >= TRUSTED)

    def best(self) -> Row:
        """Return the cell with the highest expected score, whether it was tried or not."""
        listed = self.seen.choices.listed
        if listed is not None:
            return _row(listed[int(np.argmax(self._scores(self.mean, listed)))])
        allowed = self.seen.choices.allowed
        tried = np.array(sorted(self._numbers))
        order = np.argsort(-self._scores(self.mean, tried))[:_CLIMBS]
        everything = range(tried.shape[1])
        climbed = [self.seen.choices.climb(self.mean, _row(tried[i]), everything, allowed) for i in order]
        return max(climbed, key=lambda found: found[1])[0]

    def recommend(self, random: np.random.Generator, *, draws: int = 64) -> BestTried | None:
        """Return the tried arm with the highest expected score, None if none has a score at a rung."""
        if not self._numbers:
            return None
        row, score = self._best_tried()
        drawn = [self._scores(self.belief.draw(random), np.array([row]))[0] for _ in range(draws)]
        return BestTried(row=row, score=score, error=float(np.std(drawn)))

    def certainty(
        self, within: float, sure: float, random: np.random.Generator, *, draws: int = 256
    ) -> Certainty | None:
        """Return how sure it is that the recommended arm is within so much of the best cell, None without scores.

        Args:
            within: IoU.
            sure: The probability that is wanted, for how many trials it would take.
            random: Source of chance.
            draws: Surfaces that are drawn.
        """
        if not self._numbers:
            return None
        own, start = self._best_tried()[0], self.best()
        lead, rivals = np.empty(draws), []
        for i in range(draws):
            surface = self.belief.draw(random)
            top, rival = self._top(surface, (own, start), random)
            lead[i] = top - self._scores(surface, np.array([own]))[0]
            rivals.append(rival)
        better = [rival for rival, ahead in zip(rivals, lead.tolist(), strict=True) if ahead > within]
        probability = 1 - len(better) / draws
        if not better:
            return Certainty(row=own, probability=probability, rival=None, more=None)
        rival = max(set(better), key=lambda row: (better.count(row), row))
        return Certainty(
            row=own, probability=probability, rival=rival, more=self._more(own, rival, within, sure, random)
        )

    def _best_tried(self) -> tuple[Row, float]:
        rows = sorted(self._numbers)
        scores = self._scores(self.mean, np.array(rows))
        return rows[int(np.argmax(scores))], float(scores.max())

    def _top(self, surface: ScoreSurface, starts: tuple[Row, ...], random: np.random.Generator) -> tuple[float, Row]:
        """Return the highest score of a drawn surface and its cell; of what no trial has, the rest is drawn too."""
        listed = self.seen.choices.listed
        if listed is not None:
            scores = self._scores(surface, listed, self.belief.scales.arm_residual * random.normal(size=len(listed)))
            return float(scores.max()), _row(listed[int(np.argmax(scores))])
        allowed, everything = self.seen.choices.allowed, range(len(starts[0]))
        climbed = [self.seen.choices.climb(surface, start, everything, allowed) for start in starts]
        row, score = max(climbed, key=lambda found: found[1])
        return score, row

    def _more(self, own: Row, rival: Row, within: float, sure: float, random: np.random.Generator) -> int:
        """Return roughly how many trials of two arms it takes until one is surely within so much of the other.

        The difference is taken as normal, and each pair of trials as a measurement of it with twice a trial's luck.
        """
        from scipy.stats import norm

        both = np.array([own, rival])
        drawn = np.array([self._scores(self.belief.draw(random), both) for _ in range(_PAIR_DRAWS)])
        spread = float(np.std(drawn[:, 0] - drawn[:, 1]))
        mine, other = self._scores(self.mean, both)
        room = max(float(mine - other) + within, within / 2)
        wanted = room / float(norm.ppf(min(sure, _SUREST)))
        pairs = 2 * float(self.belief.scales.noise[-1, -1]) * (1 / wanted**2 - 1 / spread**2)
        return 2 * max(1, int(np.ceil(pairs)))

    def _scores(self, surface: ScoreSurface, rows: NDArray[np.intp], beyond: Floats | None = None) -> Floats:
        """Return the scores of rows, with what known arms have beyond; of others, what is given."""
        known = np.array([self._numbers.get(row, -1) for row in map(tuple, rows.tolist())])
        own = np.where(known >= 0, surface.arms[known], 0.0 if beyond is None else beyond)
        return np.asarray(surface.at(self.seen.choices.columns(rows)) + own)

    def _usable(self, row: Row) -> bool:
        return row not in self.seen.closed and self.seen.choices.allowed(row)

    def _maximum(self, surface: ScoreSurface, best: Row, free: NDArray[np.intp]) -> Row | None:
        listed = self.seen.choices.listed
        if listed is None:
            found, _ = self.seen.choices.climb(surface, best, free.tolist(), self._usable)
            if self._usable(found):
                return found
            near = [row for row in self.seen.choices.changed(found, free.tolist()) if self._usable(row)]
            return near[int(np.argmax(self._scores(surface, np.array(near))))] if near else None
        fixed = np.setdiff1d(np.arange(len(best)), free)
        rows = listed[(listed[:, fixed] == np.array(best)[fixed]).all(axis=1)]
        rows = rows[[row not in self.seen.closed for row in map(tuple, rows.tolist())]]
        return _row(rows[int(np.argmax(self._scores(surface, rows)))]) if len(rows) else None

    def _probe(self, best: Row, random: np.random.Generator) -> Row | None:
        rows = [row for row in self.seen.choices.changed(best, range(len(best))) if self._usable(row)]
        if not rows:
            return None
        drawn = [self._scores(self.belief.draw(random), np.array(rows)) for _ in range(_PROBE_DRAWS)]
        hope = self._scores(self.mean, np.array(rows)) + 2 * np.std(drawn, axis=0)
        hope -= 0.02 * np.array([row in self.seen.running for row in rows])
        return rows[int(np.argmax(hope))]


def _some(numbers: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return all, or the newest half and a random half of the older ones."""
    if len(numbers) <= most:
        return numbers
    older, newest = numbers[: -(most // 2)], numbers[-(most // 2) :]
    return np.concatenate([np.random.default_rng(0).permutation(older)[: most - len(newest)], newest])


def _row(numbers: NDArray[np.intp]) -> Row:
    return tuple(int(x) for x in numbers)
