"""Proposes cells by one of Optuna's samplers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import MOST_DRAWS, Proposal, is_usable, named_arm, next_replicate, usable_instead
from runners.core.trial_state import TrialState
from search_spaces.space import NAMED_ARM, Cell, Space
from seatbelt.records.tables import Status


def propose(plan: Plan, history: History, *, sampler: Literal["tpe", "gp"] = "tpe") -> Proposal | None:
    """Return the proposal of an Optuna sampler, from a study that is rebuilt from the history.

    A proposal that cannot be used is drawn again; after `MOST_DRAWS` draws a usable neighbour replaces it.
    """
    import optuna

    if (arm := named_arm(plan, history)) is not None:
        return arm
    distributions = distributions_of(plan.space)
    seed = int(np.random.SeedSequence([plan.base.seed, history.arm_trials, 8]).generate_state(1)[0])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # constant_liar is on purpose: trials that run are no reason to propose the same cell again.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        chosen = optuna.samplers.TPESampler(seed=seed) if sampler == "tpe" else optuna.samplers.GPSampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=chosen)
    searched = (view for view in history.by_number if view.role == "arm" and NAMED_ARM not in view.plan.cell)
    study.add_trials([_optuna_trial(view, plan.space, distributions, plan.rungs) for view in searched])
    cell: Cell = {}
    for _ in range(MOST_DRAWS):
        trial = study.ask(distributions)
        cell = cell_of(plan.space, trial.params)
        if is_usable(plan, history, cell):
            break
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    usable = usable_instead(plan, history, cell)
    if usable is None:
        return None
    return next_replicate(plan, history, usable, f"proposed by Optuna's {sampler.upper()} from the history")


def distributions_of(space: Space) -> dict[str, Any]:
    """Return a space as Optuna's distributions: labels for levels, numbers for ranges."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        factor.name: FloatDistribution(factor.range.low, factor.range.high, log=factor.range.log)
        if factor.range is not None
        else CategoricalDistribution([level.label for level in factor.levels])
        for factor in space.factors
    }


def cell_of(space: Space, params: Mapping[str, Any]) -> Cell:
    """Return the cell of Optuna's parameters; a value of a range is rounded, so that arms have short names."""
    return {
        factor.name: factor.label_at(factor.range.share(float(params[factor.name])))
        if factor.range is not None
        else str(params[factor.name])
        for factor in space.factors
    }


def params_of(space: Space, cell: Cell) -> dict[str, Any]:
    """Return a cell as Optuna's parameters."""
    return {
        factor.name: float(cell[factor.name]) if factor.range is not None else cell[factor.name]
        for factor in space.factors
    }


def _optuna_trial(view: TrialState, space: Space, distributions: dict[str, Any], budgets: tuple[int, ...]) -> Any:  # noqa: ANN401  (optuna is imported late)
    import optuna

    states = optuna.trial.TrialState
    state = {
        Status.COMPLETE: states.COMPLETE,
        Status.PAUSED: states.PRUNED,
        Status.PRUNED: states.PRUNED,
        Status.FAILED: states.FAIL,
        Status.OUT_OF_MEMORY: states.FAIL,
        Status.DIVERGED: states.FAIL,
    }.get(view.status, states.RUNNING)
    reached = [rung for rung in budgets if rung <= view.epochs_done]
    value = view.best_score if state is states.COMPLETE else None
    intermediate = {epoch: max(view.scores[:epoch]) for epoch in reached}
    if state is states.PRUNED and not intermediate:
        state = states.FAIL
    return optuna.trial.create_trial(
        state=state,
        params=params_of(space, view.plan.cell),
        distributions=distributions,
        value=value,
        intermediate_values=intermediate,
    )
