"""Proposals: which arm is tried next. Each is a function of the space and the history alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from runners.history import History, TrialView
from search_spaces.space import MOST_ENUMERABLE, Cell, Propose, Space
from seatbelt.config import TrialConfig
from seatbelt.errors import UserError
from seatbelt.identity import arm_key, trial_key
from seatbelt.records import Status

_ASKED_AGAIN = 20
"""How often a random draw that repeats an arm is drawn again before it becomes a replicate."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A trial that nobody has proposed yet."""

    cell: Cell
    cell_number: int
    replicate: int
    position: int
    config: TrialConfig
    reason: str


def propose(
    space: Space,
    base: TrialConfig,
    strategy: Propose,
    history: History,
    *,
    replicates: int,
    budgets: tuple[int, ...],
) -> Proposal | None:
    """Return the next proposal, or None if the design is used up.

    Args:
        space: What varies.
        base: The configuration around it; its seed is that of replicate 0.
        strategy: How cells are chosen.
        history: The sweep so far.
        replicates: Trials per arm of an exhaustive design.
        budgets: Rungs, at which an adaptive strategy is told intermediate scores.
    """
    if strategy == "exhaustive":
        return _exhaustive(space, base, history, replicates)
    position = history.next_position
    if strategy == "random":
        return _random(space, base, history, position)
    return _optuna(space, base, history, position, budgets)


def check_enumerable(space: Space) -> None:
    """Refuse to walk through a space that is too large.

    Raises:
        UserError: It has more cells than can be tried one by one.
    """
    if space.size > MOST_ENUMERABLE:
        raise UserError(
            f"the space has {space.size:,} cells, too many to try each one; choose --propose optuna or random, "
            "or narrow it with --set"
        )


def cell_order(size: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order in which a design visits its cells, the same for every replicate."""
    key = (size, seed)
    if key not in _ORDERS:
        _ORDERS[key] = np.random.default_rng([seed, 6]).permutation(size)
    return _ORDERS[key]


_ORDERS: dict[tuple[int, int], np.ndarray[tuple[int], np.dtype[np.int64]]] = {}


def _exhaustive(space: Space, base: TrialConfig, history: History, replicates: int) -> Proposal | None:
    order = cell_order(space.size, base.seed)
    for position in range(history.next_position, space.size * replicates):
        replicate, step = divmod(position, space.size)
        number = int(order[step])
        cell = space.cell(number)
        config = space.config(base, cell, seed=base.seed + replicate)
        # Two cells may write one configuration in two ways: it is trained once.
        if trial_key(config) not in history.trials:
            reason = f"cell {step + 1} of {space.size} in replicate {replicate}"
            return Proposal(
                cell=cell,
                cell_number=number,
                replicate=replicate,
                position=position,
                config=config,
                reason=reason,
            )
    return None


def _random(space: Space, base: TrialConfig, history: History, position: int) -> Proposal:
    rng = np.random.default_rng([base.seed, position, 7])
    for _ in range(_ASKED_AGAIN):
        labels = {f.name: f.levels[int(rng.integers(len(f.levels)))].label for f in space.factors}
        if arm_key(space.config(base, labels, seed=base.seed)) not in history.arms:
            break
    return _as_next_replicate(space, base, history, labels, position, "drawn at random")


def _optuna(space: Space, base: TrialConfig, history: History, position: int, budgets: tuple[int, ...]) -> Proposal:
    import optuna

    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        factor.name: optuna.distributions.CategoricalDistribution([level.label for level in factor.levels])
        for factor in space.factors
    }
    seed = int(np.random.SeedSequence([base.seed, position, 8]).generate_state(1)[0])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # constant_liar is on purpose: trials that run are no reason to propose the same cell again.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_optuna_trial(view, distributions, budgets) for view in history.by_number])
    asked = study.ask(distributions)
    cell = {factor.name: str(asked.params[factor.name]) for factor in space.factors}
    return _as_next_replicate(space, base, history, cell, position, "proposed by Optuna's TPE from the history")


def _optuna_trial(view: TrialView, distributions: dict, budgets: tuple[int, ...]) -> Any:  # type: ignore[type-arg]  # noqa: ANN401  (optuna is imported late)
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
    known = {epoch: max(view.scores[:epoch]) for epoch in reached}
    if state is states.PRUNED and not known:
        state = states.FAIL
    return optuna.trial.create_trial(
        state=state,
        params=dict(view.plan.cell),
        distributions=distributions,
        value=value,
        intermediate_values=known,
    )


def _as_next_replicate(
    space: Space, base: TrialConfig, history: History, cell: Cell, position: int, reason: str
) -> Proposal:
    arm = arm_key(space.config(base, cell, seed=base.seed))
    replicate = history.arms.get(arm, 0)
    if replicate:
        reason += f"; the arm is known: replicate {replicate}"
    return Proposal(
        cell=cell,
        cell_number=_number(space, cell),
        replicate=replicate,
        position=position,
        config=space.config(base, cell, seed=base.seed + replicate),
        reason=reason,
    )


def _number(space: Space, cell: Cell) -> int:
    number = 0
    for factor in space.factors:
        position = [level.label for level in factor.levels].index(cell[factor.name])
        number = number * len(factor.levels) + position
    return number
