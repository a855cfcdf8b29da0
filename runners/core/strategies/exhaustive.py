"""Every arm of a design, replicate after replicate."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import Proposal, cell_order, its_turn
from search_spaces.space import NAMED_ARM
from seatbelt.records.identity import trial_key


def propose(plan: Plan, history: History) -> Proposal | None:
    """Return the next arm of the design, None if it is used up."""
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
                replicate=replicate,
                position=position,
                config=config,
                reason=f"arm {step + 1} of {len(design)} in replicate {replicate}",
                exempt=NAMED_ARM in cell or its_turn(plan, step, replicate),
            )
    return None
