"""Recommendations and their certainty in words."""

from __future__ import annotations

from dataclasses import replace

from runners.core.events import CertaintyJudged
from runners.core.history import History
from runners.core.plan import Plan
from runners.core.stopping import certain_text, noise_is_measured
from runners.core.strategies import Recommendation, strategy_of
from seatbelt.records.sweep import cell_text
from seatbelt.text.wording import counted


def recommendation_text(plan: Plan, history: History) -> str | None:
    """Return the recommendation of a factorial sweep; None for other sweeps and before anything is measured.

    Other sweeps recommend the arm with the best mean, which `seatbelt best` shows.
    """
    if plan.propose != "factorial" or plan.confirmation is not None:
        return None
    recommendation = strategy_of(plan).recommend(plan, history)
    if recommendation is None:
        return None
    if not noise_is_measured(history):
        recommendation = replace(recommendation, error=None)
    return f"recommended: {cell_text(recommendation.cell)}; {expectation_text(recommendation)} (posterior mean)"


def expectation_text(recommendation: Recommendation) -> str:
    """Return the expected score of an arm in words."""
    error = f" +- {recommendation.error:.3f}" if recommendation.error is not None else ""
    return f"expected selection IoU {recommendation.score:.3f}{error}"


def certainty_text(judged: CertaintyJudged) -> str:
    """Return how sure a recommendation is, and which trials would settle it."""
    certainty = certain_text(judged)
    if judged.probability is None:
        return f"{certainty}; it takes two complete trials of at least two arms (--replicates 2)"
    if judged.rival is None:
        return certainty
    other = {name: label for name, label in judged.rival.items() if judged.cell.get(name) != label}
    more = counted(judged.more or 0, "more trial")
    return f"{certainty}; its rival has {cell_text(other)}: roughly {more} of the two would settle it"
