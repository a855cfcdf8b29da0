"""Proposals, recommendation and certainty by the factorial surrogate, from the history of a sweep."""

from __future__ import annotations

import numpy as np

from analysis.statistics.factorial import Scales
from analysis.statistics.factorial.scales import expected_scales
from runners.core.candidates import Row
from runners.core.events import CertaintyJudged, ScalesLearned
from runners.core.halving import default_rungs
from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies import best_mean
from runners.core.strategies.one_thread import one_thread
from runners.core.strategies.proposal import Proposal, Recommendation, named_arm, next_replicate
from runners.core.strategies.surrogate import (
    GROWTH,
    LEARN_FROM,
    Seen,
    Surrogate,
    first_cells,
    learned,
    packed,
    unpacked,
)
from runners.core.trial_state import TrialView, score_at
from search_spaces.space import NAMED_ARM, Cell
from seatbelt.records.tables import FINAL, Status

_USELESS = (Status.DIVERGED, Status.OUT_OF_MEMORY)
"""Trials that ended so count as the worst that was measured: their arms cannot be used."""

_FEWEST = 2
"""Complete trials before anything is learned."""
_JUDGED_EVERY = 3
"""Trials that are measured between two judgements of how sure the recommendation is."""


@one_thread
def prepare(plan: Plan, history: History) -> ScalesLearned | CertaintyJudged | None:
    """Return what is to be written down before the next proposal: new scales, or how sure the recommendation is.

    Both are found at certain lengths of the history only, so that a resumed sweep decides as it would have.
    """
    return news_of_scales(plan, history) or _certainty_due(plan, history)


@one_thread
def news_of_scales(plan: Plan, history: History) -> ScalesLearned | None:
    """Return the scales that a sweep has taught since they were learned last, None if it is too early for others."""
    known = _known_scales(plan, history)
    factors, epochs = list(plan.choices.names), list(points(plan))
    due = LEARN_FROM if known is None else max(known.trials + 1, int(GROWTH * known.trials))
    if history.measured < due:
        return None
    seen = seen_of(plan, history)
    if (~np.isnan(seen.scores[:, -1])).sum() < _FEWEST:
        return None
    start = unpacked(known.numbers, len(factors), epochs) if known is not None else None
    found = learned(seen, start)
    numbers = packed(found, len(factors), epochs)
    return ScalesLearned(trials=history.measured, factors=factors, epochs=epochs, numbers=numbers, at=0.0)


@one_thread
def propose(plan: Plan, history: History) -> Proposal | None:
    """Return what the surrogate would try next, None if nothing is left."""
    if (arm := named_arm(plan, history)) is not None:
        return arm
    random = np.random.default_rng([plan.base.seed, history.arm_trials, 9])
    seen = seen_of(plan, history)
    suggestion = first_cells(seen, random)
    # Every other trial of the start is whole: whether a rung can be trusted is seen by what it would have stopped.
    trusted = history.arm_trials % 2 == 1
    if suggestion is None:
        surrogate = _surrogate(plan, history, seen)
        if surrogate is None:
            drawn = [row for row in plan.choices.random(random, len(seen.closed) + 1) if row not in seen.closed]
            if not drawn:
                return None
            return next_replicate(plan, history, plan.choices.cell(drawn[0]), "drawn at random: no score is there yet")
        suggestion = surrogate.suggest(random, probes=plan.prune != "none")
        trusted = history.scales is None or surrogate.trusts_rungs
    if suggestion is None:
        return None
    cell = plan.choices.cell(suggestion.row)
    return next_replicate(plan, history, cell, suggestion.reason, exempt=suggestion.probe or not trusted)


@one_thread
def recommend(plan: Plan, history: History) -> Recommendation | None:
    """Return the tried arm with the best posterior mean; by means, until a trial is complete."""
    seen = seen_of(plan, history)
    surrogate = _surrogate(plan, history, seen)
    found = surrogate.recommend(_random(plan, history)) if surrogate is not None else None
    if found is None:
        return best_mean.recommend(plan, history)
    return Recommendation(cell=_tried_cell(seen, found.row), score=found.score, error=found.error)


@one_thread
def judge(plan: Plan, history: History, within: float, sure: float) -> CertaintyJudged | None:
    """Return how sure it is that the recommended arm is within so much of the best (IoU), None without scores.

    Args:
        plan: The plan.
        history: The sweep so far.
        within: How much less than the best counts as good, IoU.
        sure: The probability that is wanted of it.
    """
    seen = seen_of(plan, history)
    surrogate = _surrogate(plan, history, seen)
    found = surrogate.certainty(within, sure, _random(plan, history)) if surrogate is not None else None
    if found is None:
        return None
    return CertaintyJudged(
        trials=history.measured,
        within=within,
        cell=_tried_cell(seen, found.row),
        probability=found.probability,
        rival=plan.choices.cell(found.rival) if found.rival is not None else None,
        more=found.more,
        at=0.0,
    )


def points(plan: Plan) -> tuple[int, ...]:
    """Return the epochs whose scores the surrogate reads: the rungs, or a third and the end."""
    return plan.rungs if len(plan.rungs) > 1 else default_rungs(plan.epochs, plan.eta)


def seen_of(plan: Plan, history: History) -> Seen:
    """Return what a sweep has tried and measured, as the surrogate sees it."""
    epochs = points(plan)
    views = [view for view in history.by_number if view.role == "arm" and NAMED_ARM not in view.plan.cell]
    rows = [plan.choices.row(view.plan.cell) for view in views]
    scores = np.array([_scores(view, epochs) for view in views]).reshape(len(views), len(epochs))
    useless = np.array([view.status in _USELESS for view in views], dtype=bool)
    for column in scores.T:
        if useless.any() and not np.isnan(column).all():
            column[useless] = np.nanmin(column)
    kept = np.flatnonzero(~np.isnan(scores[:, 0])) if len(views) else np.arange(0)
    return Seen(
        choices=plan.choices,
        epochs=epochs,
        cells=[views[i].plan.cell for i in kept],
        scores=scores[kept],
        replicates=[views[i].plan.replicate for i in kept],
        rows=[rows[i] for i in kept],
        tried=rows,
        running=[row for row, view in zip(rows, views, strict=True) if view.status not in (*FINAL, Status.PAUSED)],
        closed=_closed(plan, views, rows),
    )


def _certainty_due(plan: Plan, history: History) -> CertaintyJudged | None:
    limits, judged = plan.limits, history.certainty
    if limits.until is None or history.scales is None:
        return None
    if judged is not None and judged.within == limits.until and history.measured < judged.trials + _JUDGED_EVERY:
        return None
    return judge(plan, history, limits.until, limits.sure)


def _closed(plan: Plan, views: list[TrialView], rows: list[Row]) -> set[Row]:
    closed = {row for row, view in zip(rows, views, strict=True) if view.status in (*_USELESS, Status.FAILED)}
    most = plan.limits.most_replicates
    if most is not None:
        counts: dict[Row, int] = {}
        for row in rows:
            counts[row] = counts.get(row, 0) + 1
        closed |= {row for row, count in counts.items() if count >= most}
    return closed


def _scores(view: TrialView, epochs: tuple[int, ...]) -> list[float]:
    """Return the best score up to each epoch; that of a trial that stopped early holds for the rest."""
    if view.stopped_early and view.scores:
        return [score_at(view, epoch) for epoch in epochs]
    return [score_at(view, epoch) if view.epochs_done >= epoch else np.nan for epoch in epochs]


def _surrogate(plan: Plan, history: History, seen: Seen) -> Surrogate | None:
    if not len(seen.scores) or np.isnan(seen.scores[:, -1]).all():
        return None
    return Surrogate.of(seen, _scales(plan, history))


def _scales(plan: Plan, history: History) -> Scales:
    known, count, epochs = _known_scales(plan, history), len(plan.choices.names), points(plan)
    return expected_scales(count, epochs) if known is None else unpacked(known.numbers, count, epochs)


def _known_scales(plan: Plan, history: History) -> ScalesLearned | None:
    """Return the scales that were learned last, None if they are of other factors or epochs."""
    known = history.scales
    fits = known is not None and (known.factors, known.epochs) == (list(plan.choices.names), list(points(plan)))
    return known if fits else None


def _tried_cell(seen: Seen, row: Row) -> Cell:
    """Return the cell of a row with a score, with its own labels: a value of a range may lie between proposed ones."""
    return seen.cells[list(seen.rows).index(row)]


def _random(plan: Plan, history: History) -> np.random.Generator:
    return np.random.default_rng([plan.base.seed, history.arm_trials, 10])
