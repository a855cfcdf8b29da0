"""All figures that a sweep allows, but those that stand in other sections."""

from __future__ import annotations

from analysis.figures import figures
from analysis.figures.sweep_data import Material
from analysis.report.blocks import Picture, Section

ELSEWHERE = ("main_effects", "interactions", "promotion_flow")


def pictures(material: Material) -> Section | None:
    """Return the section; None where there is nothing to draw yet."""
    made, _ = figures(material, without=ELSEWHERE)
    if not made:
        return None
    return Section(name="figures", title="Figures", blocks=tuple(Picture(figure=found) for found in made.values()))
