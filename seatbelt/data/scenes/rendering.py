"""One picture and its mask, from parameters, an index and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.solids import Floats, unit
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.lens import bend, draw_lens, expose
from seatbelt.data.scenes.objects.room import room_colours
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.randomized import randomize
from seatbelt.data.scenes.shading import (
    Surface,
    corner_darkening,
    light_up,
    ribbon_surface,
    solid_surface,
    sunlit,
)
from seatbelt.data.scenes.stage import Stage, Traced, set_stage, trace
from seatbelt.data.scenes.streams import Streams
from seatbelt.data.scenes.textures import scenery


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A rendered picture."""

    image: npt.NDArray[np.uint8]
    """(height, width, 3) RGB."""
    mask: npt.NDArray[np.uint8]
    """(height, width) class index from `LABELS`."""
    subject: str
    """Person id such as `g3-p017`."""
    test: bool
    """The subject belongs to the test split."""
    facts: Mapping[str, Any]
    """Random choices of the scene: name -> number, string or bool."""


def render(parameters: SceneParameters, *, index: int, seed: int, width: int, height: int) -> Scene:
    """Image `index` of a generation, independent of other images, their order and the process."""
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must not be negative, but got {index=}, {seed=}")
    if width < 16 or height < 16:
        raise ValueError(f"width and height must be at least 16 pixels, but got {width=}, {height=}")
    streams = Streams(name=parameters.name, index=index, seed=seed)
    staged = set_stage(parameters, streams, width, height)
    stage, facts = staged.stage, dict(staged.facts)
    traced = trace(stage)
    light = _light(parameters, streams, stage, traced)
    labels = traced.labels.reshape(stage.view.height, stage.view.width)
    lens = draw_lens(parameters, streams)
    light, labels = bend(light, lens, exact=False), bend(labels, lens, exact=True)
    linear = np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)
    mask = majority(labels)
    if parameters.cut_out:
        linear, mask, extra = randomize(parameters, streams, linear, mask)
        facts.update(extra)
    if parameters.labels == "seat_belt":
        mask = np.where(mask == LABELS["seat_belt"], mask, 0).astype(np.uint8)
    if streams.of("mirrored").random() < parameters.mirrored_share:
        linear, mask = np.ascontiguousarray(linear[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    image = expose(linear, lens, streams.of("noise"))
    return Scene(image=image, mask=mask, subject=staged.subject, test=staged.test, facts=facts)


def majority(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The most frequent of the four labels of each pixel; the upper left one of several."""
    four = np.stack([labels[0::2, 0::2], labels[0::2, 1::2], labels[1::2, 0::2], labels[1::2, 1::2]])
    votes = (four[:, None] == four[None]).sum(axis=1)
    return np.asarray(np.take_along_axis(four, votes.argmax(axis=0)[None], axis=0)[0])


def _light(parameters: SceneParameters, streams: Streams, stage: Stage, traced: Traced) -> Floats:
    """Linear light (h, w, 3) on the fine grid."""
    height, width = stage.view.height, stage.view.width
    chosen, spread = _representatives(traced, height, width)
    number, labels = traced.number[chosen], traced.labels[chosen]
    points, directions = traced.points[:, chosen], traced.directions[:, chosen]
    surface = _surface(parameters, streams, stage, traced, chosen)
    eye = -unit(directions)
    lit = sunlit(stage.solids, stage.ribbons, points, surface.normal, stage.light) if stage.light.shadows else None
    light = light_up(surface, eye, stage.light, lit)
    light *= corner_darkening(traced.distance.reshape(height, width)).reshape(-1)[chosen]
    window = (labels == LABELS["window"]) & (number < 0)
    light[:, window] = surface.colour[:, window] * np.array(stage.light.sky)[:, None] * 1.6
    return np.ascontiguousarray(light.T[spread].reshape(height, width, 3), dtype=np.float32)


def _representatives(traced: Traced, height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rays whose colour is computed, and for each ray the index of the ray that gives its colour.

    The four rays of a pixel share a colour if they hit the same object: only edges need four.
    """
    thing = traced.number.astype(np.int32) * 16 + traced.labels
    grid = thing.reshape(height // 2, 2, width // 2, 2)
    same = (grid == grid[:, :1, :, :1]).all(axis=(1, 3))
    every = np.arange(height * width).reshape(height, width)
    first = np.repeat(np.repeat(every[::2, ::2], 2, axis=0), 2, axis=1)
    source = np.where(np.repeat(np.repeat(same, 2, axis=0), 2, axis=1), first, every).reshape(-1)
    is_first = source == every.reshape(-1)
    return np.flatnonzero(is_first), (np.cumsum(is_first) - 1)[source]


def _surface(
    parameters: SceneParameters, streams: Streams, stage: Stage, traced: Traced, chosen: npt.NDArray[np.intp]
) -> Surface:
    number, points = traced.number[chosen], traced.points[:, chosen]
    solid = np.flatnonzero((number >= 0) & (number < len(stage.solids)))
    webbing = np.flatnonzero(number == len(stage.solids))
    wall = np.flatnonzero(number < 0)
    strap = ribbon_surface(traced.strap, stage.belt.material)
    panorama = scenery(streams.of("scenery"), clutter=parameters.textures)
    walls = _walls(
        parameters,
        stage,
        points[:, wall],
        traced.labels[chosen[wall]],
        traced.directions[:, chosen[wall]],
        panorama,
    )
    return _join(
        len(chosen),
        (solid, solid_surface(stage.solids, number[solid], points[:, solid])),
        (webbing, _at(strap, np.searchsorted(traced.strap.pixel, chosen[webbing]))),
        (wall, walls),
    )


def _walls(
    parameters: SceneParameters,
    stage: Stage,
    points: Floats,
    labels: npt.NDArray[np.uint8],
    directions: Floats,
    panorama: Floats,
) -> Surface:
    x = points[0]
    normal = np.zeros_like(points)
    # Seen from inside; roof and floor differ little from the walls.
    normal[0] = np.where(x < 0, 0.8, -0.8)
    normal[2] = 0.6
    colour = room_colours(points, labels, directions, stage.interior, panorama, detail=parameters.textures)
    return Surface(normal=normal, colour=colour, gloss=np.full(len(x), 0.03, dtype=np.float32))


def _at(surface: Surface, where: npt.NDArray[np.intp]) -> Surface:
    return Surface(normal=surface.normal[:, where], colour=surface.colour[:, where], gloss=surface.gloss[where])


def _join(count: int, *parts: tuple[npt.NDArray[np.intp], Surface]) -> Surface:
    normal, colour = np.zeros((3, count), dtype=np.float32), np.zeros((3, count), dtype=np.float32)
    gloss = np.zeros(count, dtype=np.float32)
    for where, surface in parts:
        normal[:, where], colour[:, where], gloss[where] = surface.normal, surface.colour, surface.gloss
    return Surface(normal=normal, colour=colour, gloss=gloss)
