"""Search strategies: how trials are proposed, which paused one goes on, and which arm is recommended.

A strategy is a few functions of the plan and the history. Proposing and pruning are two choices of a plan; what is
recommended goes with how trials are proposed.
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

__all__ = ["THINKING", "Promotion", "Proposal", "Recommendation", "Strategy", "strategy_of"]


THINKING: tuple[Propose, ...] = ("optuna", "optuna-gp", "factorial")
"""Ways to propose that take a while: they think while no slot is free."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How a sweep is searched.

    Attributes:
        propose: Returns the next trial, None if nothing is left.
        promote: Returns the paused trial that goes on, None if none is due; on the last call, a rung with few trials
            promotes its best.
        recommend: Returns the arm to use, None if nothing is measured.
        prepare: Returns what is to be written down before the next proposal.
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
    # Only the model can say how sure a recommendation is.
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
