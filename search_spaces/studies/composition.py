"""How large the share of each variation of the synthetic images should be: what the thesis left to others."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, IMAGENET, SYNTHETIC, WINNER

LEVELS: dict[str, list[str]] = {
    "share.seat.empty": ["as_is", "0", "0.2"],
    "share.seat.unbelted": ["as_is", "0", "0.3"],
    "share.belt_colour.dark": ["as_is", "0.1", "0.6"],
    "share.belt_colour.coloured": ["as_is", "0", "0.4"],
    "share.interior.dark": ["as_is", "0", "0.5"],
    "share.light.dim": ["as_is", "0", "0.5"],
}
"""Ours: none or few and many, so far apart as the embedded scenes allow with 40 % of their images. `as_is` leaves a
tag alone: one factor at a time, only the images that differ in it are chosen, and the baseline is a random part."""


def study() -> Study:
    """Return the study."""
    return Study(
        name="composition",
        question="Which shares of belt colours, interiors, empty seats, unbelted occupants and light train best?",
        reference="section 5.3",
        factors=tuple(factor(name, levels) for name, levels in LEVELS.items()),
        conditions={**WINNER, **IMAGENET, **SYNTHETIC, **ALL_TRANSFORMS},
        protocol=Protocol(epochs=50, design="ofat"),
    )
