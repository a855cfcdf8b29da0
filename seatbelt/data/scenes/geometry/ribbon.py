"""Webbing: ribbons of triangles and their rays.

A ribbon has hundreds of small triangles, so all pairs of a triangle and a nearby pixel are intersected at once instead
of triangle by triangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.raycast import NEAR, View
from seatbelt.data.scenes.geometry.solids import Floats, cross, dot, unit


@dataclass(frozen=True, kw_only=True)
class Ribbon:
    """A strip of `steps` cross-sections with `across` points each."""

    points: Floats
    """(steps, across, 3) metres."""
    along: Floats
    """(steps,) metres of webbing from its start."""
    width: float
    """Metres."""


@dataclass(frozen=True, kw_only=True)
class RibbonHits:
    """The nearest webbing in each pixel with webbing; n pixels in increasing order."""

    pixel: npt.NDArray[np.intp]
    """(n,) flat index of the pixel."""
    distance: Floats
    """(n,) ray parameter."""
    normal: Floats
    """(3, n) unit, towards the eye."""
    cloth: Floats
    """(2, n) metres across the webbing from its middle, and along it."""


def cast_ribbons(ribbons: Sequence[Ribbon], view: View) -> RibbonHits:
    """The nearest point of the ribbons along each ray that hits one."""
    corners, cloth = _triangles(ribbons)
    triangle, pixel = _candidates(corners, view)
    o, d = view.rays_at(pixel)
    first = corners[triangle, 0].T.astype(np.float32)
    edges = (corners[:, 1:] - corners[:, :1]).astype(np.float32)
    across, down = edges[triangle, 0].T, edges[triangle, 1].T
    normal = cross(edges[:, 0].T, edges[:, 1].T)[:, triangle]
    lean = dot(normal, d)
    lean = np.where(np.abs(lean) < 1e-12, np.float32(1e-12), lean)
    t = dot(normal, first - o) / lean
    inside = o + t * d - first
    # Barycentric coordinates from the volumes that the point spans with each edge.
    area = dot(normal, normal)
    u = dot(cross(inside, down), normal) / area
    v = dot(cross(across, inside), normal) / area
    met = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > NEAR)
    order = np.flatnonzero(met)
    order = order[np.lexsort((t[order], pixel[order]))]
    order = order[np.unique(pixel[order], return_index=True)[1]]
    facing = normal[:, order] * -np.sign(lean[order])
    weights = np.stack([1 - u[order] - v[order], u[order], v[order]])
    return RibbonHits(
        pixel=pixel[order],
        distance=t[order],
        normal=unit(facing),
        cloth=np.einsum("kn,nkc->cn", weights, cloth[triangle[order]]),
    )


def _triangles(ribbons: Sequence[Ribbon]) -> tuple[Floats, Floats]:
    """Corners (m, 3, 3) and their places on the webbing (m, 3, 2)."""
    corners, cloth = [], []
    for ribbon in ribbons:
        steps, across, _ = ribbon.points.shape
        side = np.broadcast_to(np.linspace(-0.5, 0.5, across) * ribbon.width, (steps, across))
        grid = np.concatenate(
            [ribbon.points, np.stack([side, np.broadcast_to(ribbon.along[:, None], side.shape)], axis=2)],
            axis=2,
        )
        a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
        for three in ((a, b, c), (d, c, b)):
            flat = np.stack(three, axis=2).reshape(-1, 3, 5)
            corners.append(flat[..., :3])
            cloth.append(flat[..., 3:])
    if not corners:
        return np.zeros((0, 3, 3)), np.zeros((0, 3, 2))
    return np.concatenate(corners), np.concatenate(cloth)


def _candidates(corners: Floats, view: View) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """All pairs of a triangle and a pixel within its bounding box: their numbers, each (k,)."""
    pixels, distance = view.project(corners.reshape(-1, 3))
    pixels, distance = pixels.reshape(-1, 3, 2), distance.reshape(-1, 3)
    size: npt.NDArray[Any] = np.array([view.width, view.height])
    low = np.clip(np.floor(pixels.min(axis=1) - 0.5), 0, size).astype(np.intp)
    high = np.clip(np.ceil(pixels.max(axis=1) + 0.5), 0, size).astype(np.intp)
    # A triangle partly behind the eye has no bounding box on the screen; webbing is never that near.
    extent = np.where((distance.min(axis=1) > NEAR)[:, None], np.maximum(high - low, 0), 0)
    count = extent.prod(axis=1)
    triangle = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    x = low[triangle, 0] + within % np.maximum(extent[triangle, 0], 1)
    y = low[triangle, 1] + within // np.maximum(extent[triangle, 0], 1)
    return triangle, y * view.width + x
