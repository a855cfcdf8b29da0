"""Shading of visible surfaces in linear colours: patterns, folds, sun, sky, shadows and darkened corners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.raycast import cast, normals, parallel
from seatbelt.data.scenes.geometry.ribbon import Ribbon, RibbonHits, cast_ribbons
from seatbelt.data.scenes.geometry.solids import Floats, Material, Solid, dot, unit
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.objects.lights import Light
from seatbelt.data.scenes.objects.room import room_exit, room_label
from seatbelt.data.scenes.textures import PATTERNS, fold_tile, pattern_tiles, sample

_SHADOW_SIZE, _SHADOW_EXTENT = 144, 1.6


@dataclass(frozen=True, kw_only=True)
class Surface:
    """n visible surface points."""

    normal: Floats
    """(3, n) unit."""
    colour: Floats
    """(3, n) linear."""
    gloss: Floats
    """(n,) from 0 to 1."""


def solid_surface(solids: Sequence[Solid], number: npt.NDArray[np.int16], points: Floats) -> Surface:
    """The surface of the solids `number` (n,) at world points (3, n)."""
    # Sorted by solid, so that each solid works on one slice; put back in order at the end.
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(solids) + 1))
    place = points[:, order]
    normal, colour, gloss = np.empty_like(points), np.empty_like(points), np.empty_like(points[0])
    for i, solid in enumerate(solids):
        where = slice(int(bounds[i]), int(bounds[i + 1]))
        if where.start == where.stop:
            continue
        here, material = place[:, where], solid.material
        local = solid.inward.astype(np.float32) @ (here - solid.origin.astype(np.float32)[:, None])
        normal[:, where] = normals(solid, local)
        gloss[where] = material.gloss
        if material.second is None and not material.bump:
            colour[:, where] = np.array(material.colour)[:, None]
            continue
        cloth = _cloth(solid, local, here)
        colour[:, where] = _pattern(material, cloth)
        normal[:, where] = _folded(material, cloth, normal[:, where])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Surface(normal=normal[:, back], colour=colour[:, back], gloss=gloss[back])


def ribbon_surface(hits: RibbonHits, material: Material) -> Surface:
    """The surface of visible webbing."""
    weave = _pattern(material, hits.cloth)
    # Two ribs near the edges distinguish webbing from a stripe on a shirt.
    rib = np.abs(np.abs(hits.cloth[0]) - 0.017) < 0.0022
    return Surface(
        normal=hits.normal.astype(np.float32),
        colour=(weave * np.where(rib, 0.72, 1.0)).astype(np.float32),
        gloss=np.full(len(hits.pixel), material.gloss, dtype=np.float32),
    )


def light_up(surface: Surface, eye: Floats, light: Light, lit: Floats | None) -> Floats:
    """Light (3, n) that leaves towards the `eye` (3, n), given the share (n,) of the sun that arrives."""
    towards = light.towards.astype(np.float32)
    facing = np.maximum(towards @ surface.normal, 0)
    sun = facing if lit is None else facing * lit
    # Sky through windscreen and roof, less from below and behind.
    around = 0.62 + 0.22 * surface.normal[1] + 0.16 * surface.normal[2]
    mirrored = np.maximum(dot(unit(eye + towards[:, None]), surface.normal), 0)
    # The 16th power by squaring, which is much faster than a power of floats.
    for _ in range(4):
        mirrored *= mirrored
    shine = surface.gloss * mirrored * (1 if lit is None else lit)
    sun_colour, sky_colour = (np.array(c, dtype=np.float32)[:, None] for c in (light.sun, light.sky))
    return np.asarray(surface.colour * (sun * sun_colour + around * sky_colour) + shine * sun_colour)


def sunlit(solids: Sequence[Solid], ribbons: Sequence[Ribbon], points: Floats, normal: Floats, light: Light) -> Floats:
    """The share (n,) of the sun that reaches points (3, n): through a window and past the solids."""
    centre = np.array([0.05, 0.30, 0.0])
    view = parallel(centre=centre, direction=-light.towards, extent=_SHADOW_EXTENT, size=_SHADOW_SIZE)
    # The driver's seat and the rear bench lie outside the map; shadows of small objects are not worth the time.
    near = [solid for solid in solids if solid.origin[0] < 0.55 and solid.part != "rear"]
    depth = cast(near, view, least=8).distance.reshape(-1)
    strap = cast_ribbons(ribbons, view)
    depth[strap.pixel] = np.minimum(depth[strap.pixel], strap.distance)
    lifted = points + 0.012 * normal
    right, up, forward = view.axes.astype(np.float32) @ (lifted - view.position.astype(np.float32)[:, None])
    map_x = right * view.scale + (_SHADOW_SIZE - 1) / 2
    map_y = (_SHADOW_SIZE - 1) / 2 - up * view.scale
    free = np.zeros_like(forward)
    picture = np.where(np.isfinite(depth), depth, 1e3).reshape(_SHADOW_SIZE, _SHADOW_SIZE)
    for dx, dy in ((-0.35, -0.2), (0.35, 0.2)):
        x = np.clip(np.rint(map_x + dx).astype(int), 0, _SHADOW_SIZE - 1)
        y = np.clip(np.rint(map_y + dy).astype(int), 0, _SHADOW_SIZE - 1)
        free += 0.5 * (forward < picture[y, x] + 0.006)
    towards = light.towards.astype(np.float32)[:, None]
    leaving = points + room_exit(points, np.broadcast_to(towards, points.shape)) * towards
    return np.asarray(free * (room_label(leaving) == LABELS["window"]))


def corner_darkening(distance: npt.NDArray[np.float32]) -> Floats:
    """Factor (height, width): points behind their surroundings receive less light from the sky."""
    height, width = distance.shape
    small = cv2.resize(distance, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(cv2.GaussianBlur(small, (0, 0), width / 160), (width, height))
    behind = np.clip((distance - smooth) * 5, 0, 1)
    return np.asarray(1 - 0.5 * behind)


def _cloth(solid: Solid, local: Floats, points: Floats) -> Floats:
    """Places (2, n) in metres on the cloth of a solid: across and along."""
    if solid.cloth is not None:
        frame = solid.cloth
        return np.asarray(
            (frame.axes[:, :2].T.astype(np.float32)) @ (points - frame.origin.astype(np.float32)[:, None])
        )
    lengths = np.linalg.norm(solid.axes, axis=0).astype(np.float32)
    x, y, z = local * lengths[:, None]
    if solid.shape == "cone":
        radius = np.float32(max(solid.radii) * lengths[0])
        return np.stack([np.arctan2(x, z) * radius, y])
    if solid.shape == "box":
        return np.stack([x + y, z + 0.5 * y])
    return np.stack([x, y])


def _pattern(material: Material, cloth: Floats) -> Floats:
    first = np.array(material.colour, dtype=np.float32)[:, None]
    if material.second is None:
        return np.broadcast_to(first, (3, cloth.shape[1]))
    second = np.array(material.second, dtype=np.float32)[:, None]
    share = sample(pattern_tiles()[PATTERNS[material.pattern]], cloth, material.tile)
    return np.asarray(first + (second - first) * share)


def _folded(material: Material, cloth: Floats, upright: Floats) -> Floats:
    if not material.bump:
        return upright
    slope = sample(fold_tile(), cloth, material.fold) * np.float32(material.bump)
    tilted = upright.copy()
    tilted[:2] += slope
    return unit(tilted)
