"""A proposal: the next arm to try, and its seed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from runners.core.history import History
from runners.core.plan import Plan
from search_spaces.space import MOST_ENUMERABLE, NAMED_ARM, Cell, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import arm_key, trial_key
from seatbelt.records.names import CONFIRMING, replicate_name

MOST_DRAWS = 20
"""Draws before a usable neighbour replaces a proposal that cannot be used."""


_CHANGES = 50
"""Random changes to try for each number of changed factors."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A trial that nobody has proposed yet."""

    cell: Cell
    replicate: int
    position: int
    config: TrialConfig
    reason: str
    exempt: bool
    """It is never pruned."""


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The arm that a strategy recommends.

    Attributes:
        cell: Its levels.
        score: Expected selection IoU.
        error: Standard deviation of the expected IoU; None without a model.
    """

    cell: Cell
    score: float
    error: float | None = None


def check_enumerable(space: Space) -> None:
    """Refuse to enumerate a space that is too large.

    Raises:
        UserError: It has more than `MOST_ENUMERABLE` cells.
    """
    if space.size > MOST_ENUMERABLE:
        raise UserError(
            f"the space has {space.size:,} cells, too many to try each one; choose --propose factorial, optuna or "
            "random, or narrow it with --set"
        )


def confirm(plan: Plan, history: History) -> Proposal | None:
    """Return the next trial of a confirmation: every arm once, then the next fresh seed, the same for all."""
    assert plan.confirmation is not None
    for replicate in range(CONFIRMING, CONFIRMING + plan.confirmation.replicates):
        for cell in plan.confirmation.cells:
            config = plan.space.config(plan.base, cell, seed=plan.base.seed + replicate)
            if trial_key(config) not in history.trials:
                return Proposal(
                    cell=cell,
                    replicate=replicate,
                    position=-1,
                    config=config,
                    reason=f"fresh seed {replicate - CONFIRMING + 1} of {plan.confirmation.replicates}",
                    exempt=True,
                )
    return None


def named_arm(plan: Plan, history: History) -> Proposal | None:
    """Return the next named arm; named arms come first in every strategy."""
    if history.arm_trials >= len(plan.space.arms):
        return None
    cell = {NAMED_ARM: plan.space.arms[history.arm_trials].name}
    return next_replicate(plan, history, cell, "a named arm, to compare with", exempt=True)


def next_replicate(
    plan: Plan, history: History, cell: Cell, reason: str, *, exempt: bool | None = None
) -> Proposal | None:
    """Return the next trial of a cell's arm; None if the arm has its last replicate.

    Args:
        plan: The plan.
        history: The sweep so far.
        cell: The cell to try.
        reason: Why it is proposed.
        exempt: Never prune it; None decides by `its_turn`.
    """
    space, base, position = plan.space, plan.base, history.arm_trials
    replicate = history.arms.get(arm_key(space.config(base, cell, seed=base.seed)), 0)
    most = plan.limits.most_replicates
    if most is not None and replicate >= most:
        return None
    if replicate:
        reason += f"; the arm is known: {replicate_name(replicate)}"
    return Proposal(
        cell=cell,
        replicate=replicate,
        position=position,
        config=space.config(base, cell, seed=base.seed + replicate),
        reason=reason,
        exempt=its_turn(plan, position, replicate) if exempt is None else exempt,
    )


def its_turn(plan: Plan, place: int, replicate: int) -> bool:
    """Return whether a trial belongs to the quota that is never pruned.

    The quota rotates over the arms of a design, so that each arm has one exempt trial in `exempt_every` replicates.
    A quota by levels would confound the effects of these levels with pruning.

    Args:
        plan: The plan.
        place: Position of the arm in an order that is independent of its levels.
        replicate: Number of the trial within its arm.
    """
    return (place + replicate) % plan.exempt_every == 0


def is_usable(plan: Plan, history: History, cell: Cell) -> bool:
    """Return whether a cell may be proposed: it is not excluded, and its arm has a replicate left."""
    if plan.space.excluded(cell) is not None:
        return False
    most = plan.limits.most_replicates
    if most is None:
        return True
    return history.arms.get(arm_key(plan.space.config(plan.base, cell, seed=plan.base.seed)), 0) < most


def usable_instead(plan: Plan, history: History, cell: Cell) -> Cell | None:
    """Return a usable cell that differs from `cell` in few factors; None if there is none.

    For strategies that do not know exclusions.
    """
    random = np.random.default_rng([plan.base.seed, history.arm_trials, 5])
    return nearest_usable(plan.space, cell, lambda other: is_usable(plan, history, other), random)


def nearest_usable(
    space: Space, cell: Cell, usable: Callable[[Cell], bool], random: np.random.Generator
) -> Cell | None:
    """Return the usable cell that differs from `cell` in the fewest factors; None if there is none.

    A space that is too large to enumerate is sampled.
    """
    if usable(cell):
        return cell
    if space.continuous or space.size > MOST_ENUMERABLE:
        return next((other for other in _changed_at_random(space, cell, random) if usable(other)), None)
    others = (other for other in space.cells() if usable(other))
    return min(others, key=lambda other: sum(other[name] != label for name, label in cell.items()), default=None)


def _changed_at_random(space: Space, cell: Cell, random: np.random.Generator) -> Iterator[Cell]:
    """Yield cells with one factor changed, then with two, and so on."""
    factors = space.factors
    for count in range(1, len(factors) + 1):
        for _ in range(_CHANGES):
            some = random.choice(len(factors), count, replace=False)
            yield cell | {factors[f].name: factors[f].label_at(float(random.random())) for f in some}


@functools.lru_cache(maxsize=8)
def cell_order(size: int, named: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the order in which each replicate of a design visits its arms: named arms first."""
    shuffled = named + np.random.default_rng([seed, 6]).permutation(size - named)
    return np.concatenate([np.arange(named), shuffled])
