"""The sections of a report on one sweep, in their order."""

from __future__ import annotations

from collections.abc import Callable

from analysis.figures.material import Material
from analysis.report.answer import answer
from analysis.report.arms import arms
from analysis.report.blocks import Section
from analysis.report.contributions import contributions
from analysis.report.costs import costs
from analysis.report.evidence import evidence
from analysis.report.glossary import glossary
from analysis.report.importances import importances
from analysis.report.pictures import pictures
from analysis.report.provenance import provenance
from analysis.report.pruning import pruning
from analysis.report.stages import stages

SECTIONS: list[Callable[[Material], Section | None]] = [
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
"""Each returns its section, or None where the sweep has nothing for it."""
