"""Proposes random cells."""

from __future__ import annotations

import numpy as np

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import MOST_DRAWS, Proposal, named_arm, next_replicate, usable_instead
from search_spaces.space import Cell
from seatbelt.records.identity import arm_key


def propose(plan: Plan, history: History) -> Proposal | None:
    """Return an untried random cell; after `MOST_DRAWS` draws, a tried one."""
    if (arm := named_arm(plan, history)) is not None:
        return arm
    rng = np.random.default_rng([plan.base.seed, history.arm_trials, 7])
    cell: Cell = {}
    for _ in range(MOST_DRAWS):
        cell = {factor.name: factor.label_at(float(rng.random())) for factor in plan.space.factors}
        if plan.space.excluded(cell) is None and not _is_tried(plan, history, cell):
            break
    usable = usable_instead(plan, history, cell)
    return None if usable is None else next_replicate(plan, history, usable, "drawn at random")


def _is_tried(plan: Plan, history: History, cell: Cell) -> bool:
    return arm_key(plan.space.config(plan.base, cell, seed=plan.base.seed)) in history.arms
