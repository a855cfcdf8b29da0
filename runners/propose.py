"""Proposals: which arm is tried next. Each is a function of the space and the history alone."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from runners.history import History
from runners.plan import Plan
from runners.views import TrialView
from search_spaces.space import MOST_ENUMERABLE, NAMED_ARM, Cell, Factor, Space
from seatbelt.config import TrialConfig
from seatbelt.errors import UserError
from seatbelt.identity import arm_key, trial_key
from seatbelt.records import Status

CONFIRMING = 100_000
"""Replicates of confirmations are counted from here, so that their seeds are fresh."""

_ASKED_AGAIN = 20
"""How often a random draw that repeats an arm is drawn again before it becomes a replicate."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A trial that nobody has proposed yet."""

    cell: Cell
    place: int
    """Where it stands in an order that knows nothing of its levels: what exempts trials from pruning goes by it."""
    replicate: int
    position: int
    config: TrialConfig
    reason: str
    named: bool = False
    """Whether it is an arm beside the space, which is never pruned."""


def propose(plan: Plan, history: History) -> Proposal | None:
    """Return the next proposal, or None if the design is used up.

    Named arms come first, whatever the strategy.
    """
    if plan.propose == "exhaustive":
        return _exhaustive(plan, history)
    position = history.arm_trials
    if position < len(plan.space.arms):
        cell = {NAMED_ARM: plan.space.arms[position].name}
        return _as_next_replicate(plan, history, cell, position, "a named arm, to compare with")
    if plan.propose == "random":
        return _random(plan, history, position)
    return _optuna(plan, history, position)


def confirm(plan: Plan, history: History) -> Proposal | None:
    """Return the next trial of a confirmation: every arm once, then the next fresh seed, the same for all."""
    assert plan.confirmation is not None
    for replicate in range(CONFIRMING, CONFIRMING + plan.confirmation.replicates):
        for cell in plan.confirmation.cells:
            config = plan.space.config(plan.base, cell, seed=plan.base.seed + replicate)
            if trial_key(config) not in history.trials:
                return Proposal(
                    cell=cell,
                    place=0,
                    replicate=replicate,
                    position=-1,
                    config=config,
                    reason=f"fresh seed {replicate - CONFIRMING + 1} of {plan.confirmation.replicates}",
                    named=True,
                )
    return None


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


@functools.lru_cache(maxsize=8)
def cell_order(size: int, named: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order in which a design visits its arms, the same for every replicate: named ones first."""
    shuffled = named + np.random.default_rng([seed, 6]).permutation(size - named)
    return np.concatenate([np.arange(named), shuffled])


def _exhaustive(plan: Plan, history: History) -> Proposal | None:
    design = plan.design
    order = cell_order(len(design), len(plan.space.arms), plan.base.seed)
    for position in range(history.next_position, len(design) * plan.limits.replicates):
        replicate, step = divmod(position, len(design))
        number = int(order[step])
        cell = design.cells[number]
        config = plan.space.config(plan.base, cell, seed=plan.base.seed + replicate)
        known = history.trials.get(trial_key(config))
        # Two cells may write one configuration in two ways: it is trained once.
        if known is None or known.role != "arm":
            return Proposal(
                cell=cell,
                place=step,
                replicate=replicate,
                position=position,
                config=config,
                reason=f"arm {step + 1} of {len(design)} in replicate {replicate}",
                named=NAMED_ARM in cell,
            )
    return None


def _random(plan: Plan, history: History, position: int) -> Proposal:
    rng = np.random.default_rng([plan.base.seed, position, 7])
    cell: Cell = {}
    for _ in range(_ASKED_AGAIN):
        cell = {factor.name: factor.label_at(float(rng.random())) for factor in plan.space.factors}
        if not _known_or_excluded(plan, history, cell):
            break
    return _as_next_replicate(plan, history, _allowed(plan, cell), position, "drawn at random")


def _optuna(plan: Plan, history: History, position: int) -> Proposal:
    import optuna

    distributions = {factor.name: _distribution(factor) for factor in plan.space.factors}
    seed = int(np.random.SeedSequence([plan.base.seed, position, 8]).generate_state(1)[0])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # constant_liar is on purpose: trials that run are no reason to propose the same cell again.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    searched = (view for view in history.by_number if view.role == "arm" and NAMED_ARM not in view.plan.cell)
    study.add_trials([_optuna_trial(view, plan.space, distributions, plan.rungs) for view in searched])
    cell: Cell = {}
    for _ in range(_ASKED_AGAIN):
        asked = study.ask(distributions)
        cell = {factor.name: _label(factor, asked.params[factor.name]) for factor in plan.space.factors}
        if plan.space.excluded(cell) is None:
            break
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    return _as_next_replicate(
        plan, history, _allowed(plan, cell), position, "proposed by Optuna's TPE from the history"
    )


def _distribution(factor: Factor) -> Any:  # noqa: ANN401  (optuna is imported late)
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if factor.range is not None:
        return FloatDistribution(factor.range.low, factor.range.high, log=factor.range.log)
    return CategoricalDistribution([level.label for level in factor.levels])


def _label(factor: Factor, value: float | str) -> str:
    # A value of a range is rounded as a drawn one is, so that arms have short names.
    return factor.label_at(factor.range.share(float(value))) if factor.range is not None else str(value)


def _known_or_excluded(plan: Plan, history: History, cell: Cell) -> bool:
    if plan.space.excluded(cell) is not None:
        return True
    return arm_key(plan.space.config(plan.base, cell, seed=plan.base.seed)) in history.arms


def _allowed(plan: Plan, cell: Cell) -> Cell:
    """Return a cell that is not excluded: the next one by number, where a draw met excluded ones only."""
    if plan.space.excluded(cell) is None:
        return cell
    return next(plan.space.cells())


def _optuna_trial(view: TrialView, space: Space, distributions: dict[str, Any], budgets: tuple[int, ...]) -> Any:  # noqa: ANN401  (optuna is imported late)
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
    params = {
        factor.name: float(view.plan.cell[factor.name]) if factor.range is not None else view.plan.cell[factor.name]
        for factor in space.factors
    }
    return optuna.trial.create_trial(
        state=state, params=params, distributions=distributions, value=value, intermediate_values=known
    )


def _as_next_replicate(plan: Plan, history: History, cell: Cell, position: int, reason: str) -> Proposal:
    space, base = plan.space, plan.base
    arm = arm_key(space.config(base, cell, seed=base.seed))
    replicate = history.arms.get(arm, 0)
    if replicate:
        reason += f"; the arm is known: replicate {replicate}"
    return Proposal(
        cell=cell,
        place=position,
        replicate=replicate,
        position=position,
        config=space.config(base, cell, seed=base.seed + replicate),
        reason=reason,
        named=NAMED_ARM in cell,
    )
