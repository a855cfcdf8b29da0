"""What is recommended, and how sure that is, in words."""

from __future__ import annotations

from dataclasses import replace

from runners.core.events import CertaintyJudged
from runners.core.history import History
from runners.core.plan import Plan
from runners.core.stopping import certain_text, noise_is_measured
from runners.core.strategies import Recommendation, strategy_of
from seatbelt.records.sweep import cell_text


def recommendation_text(plan: Plan, history: History) -> str | None:
    """Return what a factorial sweep recommends, None for other sweeps and before anything is measured.

    Other sweeps recommend the arm with the best mean, which `seatbelt best` shows.
    """
    if plan.propose != "factorial" or plan.confirmation is not None:
        return None
    found = strategy_of(plan).recommend(plan, history)
    if found is None:
        return None
    if not noise_is_measured(history):
        found = replace(found, error=None)
    return f"recommended: {cell_text(found.cell)}; {expectation_text(found)} (posterior mean)"


def expectation_text(found: Recommendation) -> str:
    """Return what is expected of an arm."""
    error = f" +- {found.error:.3f}" if found.error is not None else ""
    return f"expected selection IoU {found.score:.3f}{error}"


def certainty_text(judged: CertaintyJudged) -> str:
    """Return how sure a recommendation is, and what it would take to be surer."""
    told = certain_text(judged)
    if judged.probability is None:
        return f"{told}; two complete trials of at least two arms tell it (--replicates 2)"
    if judged.rival is None:
        return told
    other = {name: label for name, label in judged.rival.items() if judged.cell.get(name) != label}
    return f"{told}; its rival has {cell_text(other)}: roughly {judged.more} more trials of the two would tell"
