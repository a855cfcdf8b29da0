"""Search strategies: they propose trials, promote paused ones, and recommend an arm.

A strategy is a few functions of the plan and the history. A plan chooses how to propose and how to prune; how to
recommend follows from how it proposes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from runners.core.events import Event
from runners.core.halving import Promotion, next_promotion
from runners.core.history import History
from runners.core.plan import Plan
from runners.core.stopping import affordable_epochs
from runners.core.strategies import best_mean, exhaustive, factorial, optuna_proposals, random_draws
from runners.core.strategies.proposal import Proposal, Recommendation
from search_spaces.space import Propose, Prune

__all__ = ["SLOW", "Promotion", "Proposal", "Recommendation", "Strategy", "strategy_of"]


SLOW: tuple[Propose, ...] = ("optuna", "optuna-gp", "factorial")
"""Strategies slow enough to run ahead while all slots are busy."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """The functions of one search strategy.

    Attributes:
        propose: Returns the next trial; None if nothing is left.
        promote: Returns the paused trial that continues; None if none is due. On the last call a rung with few trials
            promotes its best.
        recommend: Returns the arm to use; None if nothing is measured.
        prepare: Returns an event to record before the next proposal.
    """

    propose: Callable[[Plan, History], Proposal | None]
    promote: Callable[[Plan, History, bool], Promotion | None]
    recommend: Callable[[Plan, History], Recommendation | None] = best_mean.recommend
    prepare: Callable[[Plan, History], Event | None]


def strategy_of(plan: Plan) -> Strategy:
    """Return the strategy of a plan."""
    promote = _PROMOTE[plan.prune]
    if plan.propose == "factorial":
        return Strategy(
            propose=factorial.propose, promote=promote, recommend=factorial.recommend, prepare=factorial.prepare
        )
    # Only the model has a probability that a recommendation is among the best.
    prepare = factorial.prepare if plan.limits.until is not None else _nothing
    return Strategy(propose=_PROPOSE[plan.propose], promote=promote, prepare=prepare)


def _nothing(plan: Plan, history: History) -> None:
    return None


def _asha(plan: Plan, history: History, last_call: bool) -> Promotion | None:
    affordable = affordable_epochs(plan, history)
    return next_promotion(history, plan.rungs, plan.eta, last_call=last_call, affordable=affordable)


_PROMOTE: dict[Prune, Callable[[Plan, History, bool], Promotion | None]] = {
    "none": lambda plan, history, last_call: None,
    "asha": _asha,
}
_PROPOSE: dict[Propose, Callable[[Plan, History], Proposal | None]] = {
    "exhaustive": exhaustive.propose,
    "random": random_draws.propose,
    "optuna": optuna_proposals.propose,
    "optuna-gp": functools.partial(optuna_proposals.propose, sampler="gp"),
}
