"""Proposes and recommends by the factorial surrogate, from the history of a sweep."""

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
from runners.core.strategies.observations import GROWTH, LEARN_FROM, Observations, estimate_scales, packed, unpacked
from runners.core.strategies.one_thread import one_thread
from runners.core.strategies.proposal import Proposal, Recommendation, named_arm, next_replicate
from runners.core.strategies.surrogate import Surrogate, first_cells
from runners.core.trial_state import TrialState, score_at
from search_spaces.space import NAMED_ARM, Cell
from seatbelt.records.tables import FINAL, Status

_UNUSABLE = (Status.DIVERGED, Status.OUT_OF_MEMORY)
"""Trials with these statuses score as the worst measured trial, because their arms cannot be used."""

_FEWEST = 2
"""Complete trials before scales are estimated."""
_JUDGED_EVERY = 3
"""Measured trials between two judgements of the recommendation."""


@one_thread
def prepare(plan: Plan, history: History) -> ScalesLearned | CertaintyJudged | None:
    """Return new scales or a judgement of the recommendation, to record before the next proposal.

    Both are due at fixed lengths of the history only, so that a resumed sweep decides as it would have decided.
    """
    return next_scales(plan, history) or _certainty_due(plan, history)


@one_thread
def next_scales(plan: Plan, history: History) -> ScalesLearned | None:
    """Return a new estimate of the scales; None if it is too early for one."""
    last = _last_scales(plan, history)
    factors, epochs = list(plan.candidates.names), list(modelled_epochs(plan))
    due = LEARN_FROM if last is None else max(last.trials + 1, int(GROWTH * last.trials))
    if history.measured < due:
        return None
    observations = observations_of(plan, history)
    if (~np.isnan(observations.scores[:, -1])).sum() < _FEWEST:
        return None
    start = unpacked(last.numbers, len(factors), epochs) if last is not None else None
    scales = estimate_scales(observations, start)
    numbers = packed(scales, len(factors), epochs)
    return ScalesLearned(trials=history.measured, factors=factors, epochs=epochs, numbers=numbers, at=0.0)


@one_thread
def propose(plan: Plan, history: History) -> Proposal | None:
    """Return the surrogate's next trial; None if nothing is left."""
    if (arm := named_arm(plan, history)) is not None:
        return arm
    random = np.random.default_rng([plan.base.seed, history.arm_trials, 9])
    observations = observations_of(plan, history)
    suggestion = first_cells(observations, random)
    # Every other trial of the start runs to its end: they show what the rung would have stopped.
    trusted = history.arm_trials % 2 == 1
    if suggestion is None:
        surrogate = _surrogate(plan, history, observations)
        if surrogate is None:
            closed = observations.closed
            rows = [row for row in plan.candidates.random(random, len(closed) + 1) if row not in closed]
            if not rows:
                return None
            return next_replicate(
                plan, history, plan.candidates.cell(rows[0]), "drawn at random: no score is there yet"
            )
        suggestion = surrogate.suggest(random, probes=plan.prune != "none")
        trusted = history.scales is None or surrogate.trusts_rungs
    if suggestion is None:
        return None
    cell = plan.candidates.cell(suggestion.row)
    return next_replicate(plan, history, cell, suggestion.reason, exempt=suggestion.probe or not trusted)


@one_thread
def recommend(plan: Plan, history: History) -> Recommendation | None:
    """Return the tried arm with the best posterior mean; the best mean while no trial is complete."""
    observations = observations_of(plan, history)
    surrogate = _surrogate(plan, history, observations)
    best = surrogate.recommend(_random(plan, history)) if surrogate is not None else None
    if best is None:
        return best_mean.recommend(plan, history)
    return Recommendation(cell=_tried_cell(observations, best.row), score=best.score, error=best.error)


@one_thread
def judge(plan: Plan, history: History, within: float, sure: float) -> CertaintyJudged | None:
    """Return the probability that the recommended arm is within a margin of the best; None without scores.

    Args:
        plan: The plan.
        history: The sweep so far.
        within: Margin below the best arm, IoU.
        sure: Required probability, for the estimate of further trials.
    """
    observations = observations_of(plan, history)
    surrogate = _surrogate(plan, history, observations)
    certainty = surrogate.certainty(within, sure, _random(plan, history)) if surrogate is not None else None
    if certainty is None:
        return None
    return CertaintyJudged(
        trials=history.measured,
        within=within,
        cell=_tried_cell(observations, certainty.row),
        probability=certainty.probability,
        rival=plan.candidates.cell(certainty.rival) if certainty.rival is not None else None,
        more=certainty.further_trials,
        at=0.0,
    )


def modelled_epochs(plan: Plan) -> tuple[int, ...]:
    """Return the epochs whose scores the surrogate reads: the rungs, or a third of the epochs and all of them."""
    return plan.rungs if len(plan.rungs) > 1 else default_rungs(plan.epochs, plan.eta)


def observations_of(plan: Plan, history: History) -> Observations:
    """Return the trials and scores of a sweep for the surrogate."""
    epochs = modelled_epochs(plan)
    views = [view for view in history.by_number if view.role == "arm" and NAMED_ARM not in view.plan.cell]
    rows = [plan.candidates.row(view.plan.cell) for view in views]
    scores = np.array([_scores(view, epochs) for view in views]).reshape(len(views), len(epochs))
    unusable = np.array([view.status in _UNUSABLE for view in views], dtype=bool)
    for column in scores.T:
        if unusable.any() and not np.isnan(column).all():
            column[unusable] = np.nanmin(column)
    measured = np.flatnonzero(~np.isnan(scores[:, 0])) if len(views) else np.arange(0)
    return Observations(
        space=plan.candidates,
        epochs=epochs,
        cells=[views[i].plan.cell for i in measured],
        scores=scores[measured],
        replicates=[views[i].plan.replicate for i in measured],
        rows=[rows[i] for i in measured],
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


def _closed(plan: Plan, views: list[TrialState], rows: list[Row]) -> set[Row]:
    closed = {row for row, view in zip(rows, views, strict=True) if view.status in (*_UNUSABLE, Status.FAILED)}
    most = plan.limits.most_replicates
    if most is not None:
        counts: dict[Row, int] = {}
        for row in rows:
            counts[row] = counts.get(row, 0) + 1
        closed |= {row for row, count in counts.items() if count >= most}
    return closed


def _scores(view: TrialState, epochs: tuple[int, ...]) -> list[float]:
    """Return the best score up to each epoch; early stopping keeps the last one for the rest."""
    if view.stopped_early and view.scores:
        return [score_at(view, epoch) for epoch in epochs]
    return [score_at(view, epoch) if view.epochs_done >= epoch else np.nan for epoch in epochs]


def _surrogate(plan: Plan, history: History, observations: Observations) -> Surrogate | None:
    if not len(observations.scores) or np.isnan(observations.scores[:, -1]).all():
        return None
    return Surrogate.of(observations, _scales(plan, history))


def _scales(plan: Plan, history: History) -> Scales:
    last, count, epochs = _last_scales(plan, history), len(plan.candidates.names), modelled_epochs(plan)
    return expected_scales(count, epochs) if last is None else unpacked(last.numbers, count, epochs)


def _last_scales(plan: Plan, history: History) -> ScalesLearned | None:
    """Return the last estimate of the scales; None if it belongs to other factors or epochs."""
    last = history.scales
    expected = (list(plan.candidates.names), list(modelled_epochs(plan)))
    return last if last is not None and (last.factors, last.epochs) == expected else None


def _tried_cell(observations: Observations, row: Row) -> Cell:
    """Return the cell of a row with its exact labels: a value of a range may lie between candidates."""
    return observations.cells[list(observations.rows).index(row)]


def _random(plan: Plan, history: History) -> np.random.Generator:
    return np.random.default_rng([plan.base.seed, history.arm_trials, 10])
