"""Figures of a sweep: each is a small table with a caption and a chart for a page or for print."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from analysis.figures.chart import Figure, NotApplicableError
from analysis.figures.cost import COSTS, cost_figure
from analysis.figures.curves import curves
from analysis.figures.distribution import distribution
from analysis.figures.effect_plots import main_effects, pair_effects
from analysis.figures.heat_map import heat_map
from analysis.figures.parallel import parallel
from analysis.figures.progress import progress
from analysis.figures.rungs import promotion_flow
from analysis.figures.running import running
from analysis.figures.studies import study_figure
from analysis.figures.study_list import STUDY_FIGURES
from analysis.figures.sweep_data import SweepData
from analysis.reading.tables import readable

FIGURES: dict[str, Callable[[SweepData], Figure]] = {
    **{kind.name: partial(study_figure, kind) for kind in STUDY_FIGURES},
    "heat_map": heat_map,
    "main_effects": main_effects,
    "interactions": pair_effects,
    "cost_parameters": partial(cost_figure, COSTS[0]),
    "cost_seconds": partial(cost_figure, COSTS[1]),
    "cost_per_image": partial(cost_figure, COSTS[2]),
    "distribution": distribution,
    "curves": curves,
    "promotion_flow": promotion_flow,
    "running": running,
    "progress": progress,
    "parallel": parallel,
}
"""Name -> function that computes the figure."""


def figure(name: str, data: SweepData, compute: Callable[[SweepData], Figure] | None = None) -> Figure:
    """Return a figure of a sweep by its name.

    Args:
        name: A key of FIGURES.
        data: The sweep.
        compute: The function; None takes it from FIGURES.

    Raises:
        NotApplicableError: The sweep lacks the data of the figure.
        UserError: The tables cannot be read or hold values that no sweep writes.
    """
    with readable(data.sweep):
        return (compute or FIGURES[name])(data)


def figures(data: SweepData, *, without: Collection[str] = ()) -> tuple[dict[str, Figure], dict[str, str]]:
    """Return all applicable figures, and the reason why each other figure is not."""
    drawn, missing = {}, {}
    for name in (name for name in FIGURES if name not in without):
        try:
            drawn[name] = figure(name, data)
        except NotApplicableError as error:
            missing[name] = str(error)
    return drawn, missing
