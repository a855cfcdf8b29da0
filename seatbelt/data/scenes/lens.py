"""The camera: its position, and the effects of lens, shutter, sensor and compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.raycast import View, look
from seatbelt.data.scenes.geometry.solids import Floats
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams

Picture = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Lens:
    """Faults of one picture, by default none."""

    distortion: float = 0.0
    """Share of the radius by which the edge moves outwards."""
    vignette: float = 0.0
    gains: tuple[float, float] = (1.0, 1.0)
    """Red, blue."""
    smear: tuple[float, float] = (0.0, 0.0)
    """Length as a share of the width; direction in degrees."""
    noise: float = 0.0
    quality: int = 0


def draw_view(parameters: SceneParameters, streams: Streams, width: int, height: int) -> View:
    """A place near the mirror and an aim at the occupant's chest, for pictures of any shape."""
    shift = streams.of("camera shift").uniform(-1, 1, 7) * parameters.camera_shift_range
    position: Floats = np.array([0.30, 0.74, 0.98]) + shift[:3] * [1.5, 0.8, 1.0]
    target: Floats = np.array([0.0, 0.375, 0.0]) + shift[3:6] * [0.8, 0.4, 0.5]
    # The zoom shows a metre of height at the distance of the chest, for any width.
    zoom = (1 + 0.8 * float(shift[6])) * height / 1.02
    free = streams.of("viewpoint").uniform(-1, 1, 5)
    position = _around(target, position, parameters.viewpoint_range * free[:2] * [1, 0.25])
    zoom *= 2 ** (parameters.closeness_range * (1 + float(free[2])) / 2)
    # A larger view may be centred anywhere around the chest.
    target = target + np.array([0.1, 0.09, 0.0]) * np.append(free[3:], 0.0) * min(1.0, parameters.closeness_range)
    return look(position=position, target=target, scale=zoom, width=width, height=height, roll=30 * float(shift[5]))


def _around(target: Floats, position: Floats, turn: Floats) -> Floats:
    """A position turned about the vertical axis through a target and, by the second angle, towards the ground."""
    if not turn.any():
        return position
    east, up, ahead = position - target
    distance, flat = float(np.linalg.norm(position - target)), float(np.hypot(east, ahead))
    azimuth = np.arctan2(east, ahead) + np.radians(turn[0])
    elevation = np.arctan2(up, flat) - np.radians(abs(turn[1]))
    level = distance * np.cos(elevation)
    offset = np.array([level * np.sin(azimuth), distance * np.sin(elevation), level * np.cos(azimuth)])
    return np.asarray(target + offset)


def draw_lens(parameters: SceneParameters, streams: Streams) -> Lens:
    """The faults of one picture."""
    gains = 1 + streams.of("white balance").uniform(-1, 1, 2) * parameters.white_balance_range
    motion = streams.of("motion blur")
    return Lens(
        distortion=float(streams.of("distortion").uniform(-0.4, 1)) * parameters.distortion_range,
        vignette=parameters.vignette * float(streams.of("vignette").uniform(0.4, 1)),
        gains=(float(gains[0]), float(gains[1])),
        smear=(float(motion.random()) ** 2 * parameters.motion_blur_range, float(motion.uniform(0, 180))),
        noise=parameters.sensor_noise * float(streams.of("noise level").uniform(0.3, 1.3)),
        quality=parameters.jpeg_quality,
    )


def bend(picture: Picture, lens: Lens, *, exact: bool) -> Picture:
    """The picture through the lens; `exact` copies values instead of mixing them, for masks."""
    if not lens.distortion:
        return picture
    height, width = picture.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    edge = np.float32((width / 2) ** 2)
    # Scaled so that the corners stay inside the scene.
    far = 1 + lens.distortion * max(1 + (height / width) ** 2, 0.0)
    factor = (1 + lens.distortion * (x * x + y * y) / edge) / max(far, 1.0)
    mode = cv2.INTER_NEAREST if exact else cv2.INTER_LINEAR
    map_x, map_y = x * factor + (width - 1) / 2, y * factor + (height - 1) / 2
    return cv2.remap(picture, map_x.astype(np.float32), map_y.astype(np.float32), mode, borderMode=cv2.BORDER_REPLICATE)


def expose(linear: Floats, lens: Lens, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """An 8-bit picture (h, w, 3) from linear light (h, w, 3)."""
    height, width, _ = linear.shape
    light: Picture = np.ascontiguousarray(linear, dtype=np.float32)
    if lens.vignette:
        x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
        light = light * (1 - lens.vignette * (x * x + y * y) / 2)[..., None].astype(np.float32)
    if lens.gains != (1.0, 1.0):
        light = light * np.array([lens.gains[0], 1.0, lens.gains[1]], dtype=np.float32)
    if lens.smear[0] * width > 0.5:
        light = cv2.filter2D(light, -1, _smear(lens.smear[0] * width, lens.smear[1]), borderType=cv2.BORDER_REPLICATE)
    if lens.noise:
        # Shot noise grows with the root of the light, read noise does not.
        grain = rng.standard_normal(light.shape, dtype=np.float32)
        light = light + grain * lens.noise * (0.25 + np.sqrt(np.maximum(light, 0))) * 0.6
    picture = np.asarray(_tone_curve()[np.clip(light * 1023, 0, 4095).astype(np.int16)])
    if lens.quality:
        picture = _compressed(picture, lens.quality)
    return picture


def _tone_curve() -> npt.NDArray[np.uint8]:
    """8-bit values of light from 0 to 4: gamma with a soft shoulder, so that skies do not clip abruptly."""
    light = np.arange(4096) / 1023
    soft = np.where(light < 0.6, light, 0.6 + 0.4 * (1 - np.exp(-(light - 0.6) / 0.4)))
    return np.asarray(np.rint(255 * soft ** (1 / 2.2))).astype(np.uint8)


def _smear(length: float, direction: float) -> Picture:
    size = int(np.ceil(length)) | 1
    size = max(size, 3)
    kernel = np.zeros((size, size), dtype=np.float32)
    middle = size // 2
    reach = 0.5 * length * np.array([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
    for share in np.linspace(-1, 1, 4 * size):
        x, y = np.rint(middle + share * reach).astype(int)
        kernel[y, x] += 1
    return np.asarray(kernel / kernel.sum())


def _compressed(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert done and decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)
