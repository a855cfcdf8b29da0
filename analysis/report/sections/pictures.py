"""All applicable figures except those in other sections."""

from __future__ import annotations

from analysis.figures import figures
from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Picture, Section

ELSEWHERE = ("main_effects", "interactions", "promotion_flow", "running")


def pictures(data: SweepData) -> Section | None:
    """Return the section; None if there is nothing to draw yet."""
    drawn, _ = figures(data, without=ELSEWHERE)
    if not drawn:
        return None
    return Section(name="figures", title="Figures", blocks=tuple(Picture(figure=picture) for picture in drawn.values()))
