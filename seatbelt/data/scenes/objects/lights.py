"""Sun and sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.solids import Colour, Floats
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams


@dataclass(frozen=True, kw_only=True)
class Light:
    """The light of one image."""

    towards: Floats
    """(3,) unit vector to the sun."""
    sun: Colour
    sky: Colour
    azimuth: float
    elevation: float
    """Degrees."""
    stops: float
    kelvin: float
    shadows: bool


def draw_light(parameters: SceneParameters, streams: Streams) -> Light:
    """Angle, intensity and temperature of the light, each from a separate stream."""
    angle, stops, warmth = (streams.of(f"light {name}") for name in ("angle", "intensity", "temperature"))
    azimuth = -20 + float(angle.uniform(-1, 1)) * parameters.light_angle_range
    elevation = 42 + float(angle.uniform(-1, 1)) * parameters.light_angle_range / 4
    a, e = np.radians([azimuth, elevation])
    exposure = float(stops.uniform(-1, 1)) * parameters.light_intensity_range
    # Share of the light from the sun: overcast to clear.
    clear = 0.5 + float(stops.uniform(-0.4, 0.5)) * min(parameters.light_intensity_range, 1)
    kelvin = 6000 + float(warmth.uniform(-1, 1)) * parameters.light_temperature_range
    gains = np.array(colours.temperature_gains(kelvin)) * 2**exposure
    # The sky lights with the complement of the sun's share and is bluer than it.
    sky = gains * np.array(colours.temperature_gains(6000 + 0.5 * (6500 - kelvin)))
    return Light(
        towards=np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)]),
        sun=colours.as_colour(gains * 1.5 * clear, limit=8),
        sky=colours.as_colour(sky * (1.15 - 0.5 * clear), limit=8),
        azimuth=azimuth,
        elevation=elevation,
        stops=exposure,
        kelvin=kelvin,
        shadows=parameters.shadows,
    )
