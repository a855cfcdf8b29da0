"""Domain randomisation: the occupant and the belt cut out, shrunk and moved before another background.

Circles, rectangles and annotated belts fly over the picture (section 3.3.2 of the thesis).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.solids import Colour, Floats
from seatbelt.data.scenes.labels import LABELS, OCCUPANT
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams
from seatbelt.data.scenes.textures import pattern_tiles, scenery

Mask = npt.NDArray[np.uint8]


def randomize(
    parameters: SceneParameters, streams: Streams, linear: Floats, mask: Mask
) -> tuple[Floats, Mask, dict[str, Any]]:
    """Linear light (h, w, 3), mask (h, w) and facts of a randomised picture."""
    height, width = mask.shape
    place = streams.of("cut-out")
    scale = float(place.uniform(0.4, 0.85))
    on_occupant = np.isin(mask, OCCUPANT)
    # The figure may be anywhere as long as most of it stays inside.
    left = float(place.uniform(-0.1, 1.1 - scale)) * width
    top = float(place.uniform(0.0, 1.1 - scale)) * height
    move = np.array([[scale, 0, left], [0, scale, top]], dtype=np.float32)
    figure = cv2.warpAffine(linear, move, (width, height), flags=cv2.INTER_AREA)
    person = np.where(on_occupant, mask, 0).astype(np.uint8)
    labels = np.ascontiguousarray(
        cv2.warpAffine(person, move, (width, height), flags=cv2.INTER_NEAREST), dtype=np.uint8
    )
    background = _background(streams.of("background"), width, height)
    out = np.ascontiguousarray(np.where((labels > 0)[..., None], figure, background), dtype=np.float32)
    shapes = _fly_shapes(streams.of("distractors"), out, labels, parameters.distractors)
    flying = streams.of("flying belts")
    belts = int(flying.integers(1, 4)) if flying.random() < parameters.flying_belt_share else 0
    for _ in range(belts):
        _fly_belt(flying, out, labels)
    return out, labels, {"scale": scale, "distractors": shapes, "flying_belts": belts}


def _background(rng: np.random.Generator, width: int, height: int) -> Floats:
    kind = int(rng.integers(4))
    first, second = (np.array(colours.vivid(rng)) for _ in range(2))
    if kind == 0:
        street = scenery(rng, clutter=True)
        start = int(rng.integers(144))
        return np.asarray(cv2.resize(street[:, start : start + 112], (width, height)), dtype=np.float32)
    if kind == 1:
        x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
        slope = x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)
        return _between(first, second, slope - slope.min())
    tile = pattern_tiles()[int(rng.integers(len(pattern_tiles())))]
    zoom = float(rng.uniform(0.4, 2.0))
    rows = (np.arange(height) * zoom * 120 / height).astype(int) % 256
    columns = (np.arange(width) * zoom * 120 / height).astype(int) % 256
    share = tile[rows[:, None], columns]
    if kind == 3:
        share = share * 0.6 + 0.4 * rng.random((height, width))
    return _between(first, second, share)


def _between(first: Floats, second: Floats, share: Floats) -> Floats:
    return np.asarray(first + (second - first) * share[..., None], dtype=np.float32)


def _fly_shapes(rng: np.random.Generator, picture: Floats, mask: Mask, most: int) -> int:
    height, width = mask.shape
    count = int(rng.integers(0, most + 1))
    for _ in range(count):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        colour = colours.vivid(rng)
        size = rng.uniform(0.03, 0.13, 2) * height
        if rng.random() < 0.5:
            around = np.linspace(0, 2 * np.pi, 40)
            corners = size[0] * np.stack([np.cos(around), np.sin(around)], axis=1)
        else:
            turn = float(rng.uniform(0, np.pi / 2))
            c, s = np.cos(turn), np.sin(turn)
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size @ np.array([[c, s], [-s, c]])
        _fill(picture, mask, corners + np.array([x, y]), colour, 0)
    return count


def _fly_belt(rng: np.random.Generator, picture: Floats, mask: Mask) -> None:
    """A bent strap with ribs, anywhere in the picture."""
    height, width = mask.shape
    colour = colours.pick(rng, colours.BELT_MANY)
    middle = rng.uniform([0.1, 0.1], [0.9, 0.9]) * [width, height]
    turn, bent = rng.uniform(0, 2 * np.pi), rng.uniform(-1.2, 1.2)
    length, thick = rng.uniform(0.3, 0.9) * height, rng.uniform(0.025, 0.06) * height
    steps = np.linspace(-0.5, 0.5, 24)
    heading = turn + bent * steps
    line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * length / 24
    line += middle - line.mean(axis=0)
    side = np.stack([-np.sin(heading), np.cos(heading)], axis=1) * thick / 2
    strap = np.concatenate([line + side, (line - side)[::-1]])
    inside = _fill(picture, mask, strap, colour, LABELS["seat_belt"])
    ribbed = picture.copy()
    for share in (-0.7, 0.7):
        rib = np.rint((line + share * side) * 8).astype(np.int32)
        cv2.polylines(ribbed, [rib], False, colours.shade(colour, 0.7), 1, cv2.LINE_8, 3)
    np.copyto(picture, ribbed, where=inside[..., None])


def _fill(picture: Floats, mask: Mask, corners: Floats, colour: Colour, label: int) -> npt.NDArray[np.bool_]:
    """Fill a polygon in the picture and in the mask, and return its pixels (h, w)."""
    inside = np.zeros_like(mask)
    cv2.fillPoly(inside, [np.rint(corners * 8).astype(np.int32)], 1, cv2.LINE_8, 3)
    where = np.asarray(inside == 1)
    picture[where], mask[where] = colour, label
    return where
