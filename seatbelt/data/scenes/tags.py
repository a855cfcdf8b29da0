"""Tags of scenes in the manifest: the variations whose shares section 5.3 of the thesis proposes to study.

The thesis names them (black belts versus blonde belts, light interior versus dark, empty seats and occupants without a
belt); the thresholds are our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatbelt.data.scenes.geometry.solids import Colour

TAGS = ("seat", "belt_colour", "interior", "light")
"""Names of the tags, the extra columns of the manifest."""

DARK_BELOW = 0.1
"""Linear luminance (Rec. 709) below which a belt or an interior is dark: 35 % grey as a screen shows it."""

COLOURED_ABOVE = 0.6
"""Saturation, (max - min) / max of the linear channels, above which a belt is coloured; blonde has 0.47."""

DIM_BELOW, BRIGHT_ABOVE = -0.3, 0.3
"""Exposure in stops: a third of the range of generations 4 to 6 each."""


def tags_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a scene from its facts.

    * seat: `belted`, `unbelted` or `empty`; a wrongly worn belt counts as worn.
    * belt_colour: `dark`, `light` or `coloured`; `none` where no belt is before the camera.
    * interior: `dark` or `light`, by the mean of seat and trim.
    * light: `dim`, `usual` or `bright`.
    """
    worn = facts["belt_placement"] != "none"
    return {
        "seat": "belted" if worn else "unbelted" if facts["occupied"] else "empty",
        "belt_colour": _belt(facts["belt_colour"]) if worn or facts["belt_stowed"] else "none",
        "interior": _dark_or_light((luminance(facts["seat_colour"]) + luminance(facts["trim_colour"])) / 2),
        "light": _light(float(facts["light_stops"])),
    }


def luminance(colour: Colour) -> float:
    """Return the linear luminance of a linear colour, from 0 to 1."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def _belt(colour: Colour) -> str:
    if max(colour) - min(colour) > COLOURED_ABOVE * max(colour):
        return "coloured"
    return _dark_or_light(luminance(colour))


def _dark_or_light(value: float) -> str:
    return "dark" if value < DARK_BELOW else "light"


def _light(stops: float) -> str:
    return "dim" if stops < DIM_BELOW else "bright" if stops > BRIGHT_ABOVE else "usual"
