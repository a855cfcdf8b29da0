"""The sections of a report on one sweep, in their order."""

from __future__ import annotations

from collections.abc import Callable

from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Section
from analysis.report.sections.answer import answer
from analysis.report.sections.arms import arms
from analysis.report.sections.contributions import contributions
from analysis.report.sections.costs import costs
from analysis.report.sections.glossary import glossary
from analysis.report.sections.importances import importances
from analysis.report.sections.pictures import pictures
from analysis.report.sections.provenance import provenance
from analysis.report.sections.pruning import pruning
from analysis.report.sections.stages import stages
from analysis.report.sections.trust import evidence

SECTIONS: list[Callable[[SweepData], Section | None]] = [
    answer,
    evidence,
    arms,
    contributions,
    importances,
    pictures,
    pruning,
    stages,
    costs,
    provenance,
    glossary,
]
"""Each returns its section, or None if the sweep has no data for it."""
