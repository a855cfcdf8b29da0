"""Proposes every arm of a design, one replicate after the other."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import Plan
from runners.core.strategies.proposal import Proposal, cell_order, its_turn
from search_spaces.space import NAMED_ARM
from seatbelt.records.identity import trial_key
from seatbelt.records.names import replicate_name


def propose(plan: Plan, history: History) -> Proposal | None:
    """Return the next arm of the design; None after the last one."""
    design = plan.design
    order = cell_order(len(design), len(plan.space.arms), plan.base.seed)
    for position in range(history.next_position, len(design) * plan.limits.replicates):
        replicate, step = divmod(position, len(design))
        number = int(order[step])
        cell = design.cells[number]
        config = plan.space.config(plan.base, cell, seed=plan.base.seed + replicate)
        earlier = history.trials.get(trial_key(config))
        # Two cells may describe one configuration, which is trained once.
        if earlier is None or earlier.role != "arm":
            return Proposal(
                cell=cell,
                replicate=replicate,
                position=position,
                config=config,
                reason=f"arm {step + 1} of {len(design)}, {replicate_name(replicate)}",
                exempt=NAMED_ARM in cell or its_turn(plan, step, replicate),
            )
    return None
