"""The room around the seats: one box whose walls are painted as doors, pillars and windows."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.solids import Floats
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.objects.cabin import Interior
from seatbelt.data.scenes.textures import PATTERNS, pattern_tiles, sample

ROOM_LOW = np.array([-0.43, -0.50, -1.80], dtype=np.float32)
ROOM_HIGH = np.array([1.15, 0.94, 1.30], dtype=np.float32)
_SILL, _RAIL = 0.34, 0.83
_PILLAR = (-0.42, -0.24)


def room_exit(origins: Floats, directions: Floats) -> Floats:
    """The ray parameter (n,) at which rays from inside leave the room."""
    safe = np.where(np.abs(directions) < 1e-7, np.float32(1e-7), directions)
    ends = np.where(safe > 0, ROOM_HIGH[:, None], ROOM_LOW[:, None])
    x, y, z = (ends - origins) / safe
    return np.asarray(np.minimum(np.minimum(x, y), z))


def room_label(points: Floats) -> npt.NDArray[np.uint8]:
    """The label (n,) of points (3, n) on the walls of the room."""
    x, y, z = points
    label = np.zeros(x.shape, dtype=np.uint8)
    side = (x < ROOM_LOW[0] + 1e-3) | (x > ROOM_HIGH[0] - 1e-3)
    slant = z + 0.12 * (y - 0.5)
    glass = (y > _SILL) & (y < _RAIL) & (slant > -1.35) & (slant < 1.05)
    post = (slant > _PILLAR[0]) & (slant < _PILLAR[1])
    label[side & (y <= _SILL)] = LABELS["door"]
    label[side & (y > _SILL)] = LABELS["pillar"]
    label[side & glass & ~post] = LABELS["window"]
    label[side & post] = LABELS["pillar"]
    rear = (z < ROOM_LOW[2] + 1e-3) & (y > 0.42) & (y < 0.80) & (np.abs(x - 0.37) < 0.60)
    front = (z > ROOM_HIGH[2] - 1e-3) & (y > 0.30)
    label[rear | front] = LABELS["window"]
    return label


def room_colours(
    points: Floats,
    label: npt.NDArray[np.uint8],
    directions: Floats,
    interior: Interior,
    scenery: Floats,
    *,
    detail: bool,
) -> Floats:
    """Colours (3, n) of the walls at points (3, n); windows show the panorama `scenery` (h, w, 3)."""
    x, y, z = points
    colour = np.empty_like(points)
    colour[:] = np.array(interior.roof)[:, None]
    colour[:, y < ROOM_LOW[1] + 1e-3] = np.array(interior.floor)[:, None]
    colour[:, label == LABELS["pillar"]] = np.array(interior.pillar)[:, None]
    door = label == LABELS["door"]
    inset = (np.abs(y - 0.10) < 0.13) & (np.abs(z + 0.0) < 0.55)
    colour[:, door] = np.array(interior.trim.colour)[:, None]
    colour[:, door & inset] = np.array(interior.seat_side.colour)[:, None]
    colour[:, door & (y > _SILL - 0.025)] *= 0.35
    if detail:
        grain = sample(pattern_tiles()[PATTERNS["mottled"]], np.stack([z + x, y]), 0.35)
        colour *= (0.88 + 0.24 * grain).astype(np.float32)
    window = label == LABELS["window"]
    colour[:, window] = _outside(directions[:, window], scenery)
    return colour


def _outside(directions: Floats, scenery: Floats) -> Floats:
    height, width, _ = scenery.shape
    x, y, z = directions
    around = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * (width - 1)
    level = (0.53 - 0.7 * y / np.sqrt(x * x + z * z + 1e-9)) * height
    # OpenCV maps at most 32,767 columns and no empty pictures: fold the positions into rows.
    columns = 1024
    places = np.zeros((2, len(x) + -len(x) % columns), dtype=np.float32)
    places[0, : len(x)], places[1, : len(x)] = around, level
    seen = np.empty((0, columns, 3), dtype=np.float32)
    if len(x):
        map_x, map_y = places.reshape(2, -1, columns)
        seen = np.asarray(cv2.remap(scenery, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return seen.reshape(-1, 3)[: len(x)].T
