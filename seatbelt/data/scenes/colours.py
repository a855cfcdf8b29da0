"""Palettes and colour arithmetic; every colour in the scenes is linear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seatbelt.data.scenes.geometry.solids import Colour

SKIN: tuple[Colour, ...] = (
    (0.78, 0.52, 0.40),
    (0.70, 0.43, 0.31),
    (0.60, 0.36, 0.24),
    (0.46, 0.26, 0.16),
    (0.30, 0.16, 0.09),
    (0.15, 0.08, 0.05),
)
HAIR: tuple[Colour, ...] = (
    (0.012, 0.010, 0.009),
    (0.04, 0.022, 0.014),
    (0.09, 0.045, 0.02),
    (0.25, 0.13, 0.05),
    (0.45, 0.30, 0.13),
    (0.20, 0.05, 0.02),
    (0.38, 0.37, 0.36),
)
CLOTH: tuple[Colour, ...] = (
    (0.02, 0.02, 0.022),
    (0.06, 0.06, 0.07),
    (0.30, 0.30, 0.31),
    (0.80, 0.80, 0.78),
    (0.03, 0.06, 0.22),
    (0.08, 0.22, 0.55),
    (0.45, 0.03, 0.04),
    (0.03, 0.20, 0.08),
    (0.20, 0.24, 0.09),
    (0.65, 0.45, 0.06),
    (0.55, 0.22, 0.30),
    (0.25, 0.10, 0.04),
    (0.60, 0.50, 0.36),
    (0.06, 0.28, 0.30),
    (0.25, 0.08, 0.30),
)
PANTS: tuple[Colour, ...] = (
    (0.02, 0.02, 0.022),
    (0.03, 0.05, 0.13),
    (0.08, 0.13, 0.25),
    (0.20, 0.20, 0.20),
    (0.40, 0.31, 0.20),
    (0.10, 0.11, 0.06),
    (0.55, 0.55, 0.52),
)
BELT_FEW: tuple[Colour, ...] = (
    (0.012, 0.012, 0.013),
    (0.05, 0.05, 0.052),
    (0.20, 0.20, 0.20),
    (0.38, 0.32, 0.24),
)
BELT_MANY: tuple[Colour, ...] = (
    *BELT_FEW,
    (0.62, 0.50, 0.33),
    (0.45, 0.02, 0.02),
    (0.02, 0.06, 0.30),
    (0.55, 0.33, 0.02),
    (0.10, 0.05, 0.03),
    (0.03, 0.16, 0.08),
    (0.50, 0.12, 0.02),
)
INTERIOR_FEW: tuple[Colour, ...] = ((0.03, 0.03, 0.033), (0.20, 0.20, 0.21), (0.48, 0.40, 0.30))
INTERIOR_MANY: tuple[Colour, ...] = (
    *INTERIOR_FEW,
    (0.010, 0.010, 0.011),
    (0.08, 0.085, 0.095),
    (0.40, 0.40, 0.40),
    (0.66, 0.63, 0.57),
    (0.22, 0.09, 0.035),
    (0.36, 0.17, 0.07),
    (0.25, 0.03, 0.03),
    (0.04, 0.06, 0.13),
    (0.60, 0.50, 0.38),
)


def pick(rng: np.random.Generator, palette: Sequence[Colour], spread: float = 0.25) -> Colour:
    """A colour of the palette, with channels and brightness changed by up to a share `spread`."""
    base = np.array(palette[int(rng.integers(len(palette)))])
    tint = 1 + rng.uniform(-spread, spread, 3) * 0.5
    return as_colour(base * tint * (1 + rng.uniform(-spread, spread)))


def vivid(rng: np.random.Generator) -> Colour:
    """Any colour, dark ones as often as bright ones."""
    return as_colour(rng.uniform(0.02, 1.0, 3) ** 1.5 * rng.uniform(0.15, 1.0))


def shade(colour: Colour, factor: float) -> Colour:
    """The same colour, brighter or darker."""
    return as_colour(np.array(colour) * factor)


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two."""
    return as_colour((1 - share) * np.array(first) + share * np.array(second))


def temperature_gains(kelvin: float) -> Colour:
    """Red, green, blue of a light of this colour temperature against one of 6000 K; the mean stays 1.

    A power law per channel, good enough for daylight and lamps from 3000 to 10000 K.
    """
    ratio = kelvin / 6000
    gains = np.array([ratio**-0.65, 1.0, ratio**0.75])
    return as_colour(gains / gains.mean(), limit=3.0)


def as_colour(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]], limit: float = 1.0) -> Colour:
    """A colour from an array (3,), clipped to the range from 0 to `limit`."""
    red, green, blue = np.clip(values, 0, limit).tolist()
    return red, green, blue
