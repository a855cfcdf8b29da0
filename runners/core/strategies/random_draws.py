"""Cells drawn at random."""

from __future__ import annotations

import numpy as np

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import ASKED_AGAIN, Proposal, named_arm, next_replicate, usable_instead
from search_spaces.space import Cell
from seatbelt.records.identity import arm_key


def propose(plan: Plan, history: History) -> Proposal | None:
    """Return a cell that was not tried yet; one that was, where many draws give no other."""
    if (arm := named_arm(plan, history)) is not None:
        return arm
    rng = np.random.default_rng([plan.base.seed, history.arm_trials, 7])
    cell: Cell = {}
    for _ in range(ASKED_AGAIN):
        cell = {factor.name: factor.label_at(float(rng.random())) for factor in plan.space.factors}
        if plan.space.excluded(cell) is None and not _is_known(plan, history, cell):
            break
    usable = usable_instead(plan, history, cell)
    return None if usable is None else next_replicate(plan, history, usable, "drawn at random")


def _is_known(plan: Plan, history: History, cell: Cell) -> bool:
    return arm_key(plan.space.config(plan.base, cell, seed=plan.base.seed)) in history.arms
