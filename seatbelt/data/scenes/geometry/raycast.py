"""Ray casting of solids: the solid in each pixel, its distance and its surface normal.

Every solid is a simple shape in a local frame. A ray is transformed into that frame, where the intersection is the root
of a quadratic (sphere, cone) or of slabs (box); the ray parameter is the same in both frames. Only the bounding box of
the solid on the screen is traced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.solids import Floats, Solid, cross, dot, unit

NEAR = 0.02
"""Objects nearer to the eye than this are invisible; metres."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Parallel or perspective rays through the centres of a grid of pixels.

    The ray parameter is the distance along `axes[2]` in metres, for both kinds.
    """

    position: Floats
    """(3,) the eye, or the centre of the plane where parallel rays start."""
    axes: Floats
    """(3, 3) rows: right, up, forward."""
    scale: float
    """Pixels per unit of tangent (perspective) or per metre (parallel)."""
    width: int
    height: int
    parallel: bool = False

    def rays(self, box: tuple[int, int, int, int], solid: Solid | None = None) -> tuple[Floats, Floats]:
        """Origins and directions, each (3, n) or (3, 1), of the pixels in `box` (x0, y0, x1, y1), row by row.

        They are in the frame of the solid if one is given. Rays are linear in column and row of the pixel, also after a
        change of frame, so that only the three axes are transformed, not every ray.
        """
        x0, y0, x1, y1 = box
        start, axes = self.position, self.axes
        if solid is not None:
            start, axes = solid.inward @ (start - solid.origin), axes @ solid.inward.T
        right, up, forward = axes.astype(np.float32)
        begin = start.astype(np.float32)
        across = ((np.arange(x0, x1) + 0.5 - self.width / 2) / self.scale).astype(np.float32)
        down = ((self.height / 2 - np.arange(y0, y1) - 0.5) / self.scale).astype(np.float32)
        foot = begin if self.parallel else forward
        plane = np.empty((3, y1 - y0, x1 - x0), dtype=np.float32)
        for i in range(3):
            np.add.outer(down * up[i], across * right[i] + foot[i], out=plane[i])
        if self.parallel:
            return plane.reshape(3, -1), forward[:, None]
        return begin[:, None], plane.reshape(3, -1)

    def rays_at(self, pixel: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Origins and directions, each (3, n) or (3, 1), of the pixels with these flat numbers (n,)."""
        right, up, forward = self.axes.astype(np.float32)[:, :, None]
        across = ((pixel % self.width + 0.5 - self.width / 2) / self.scale).astype(np.float32)
        down = ((self.height / 2 - pixel // self.width - 0.5) / self.scale).astype(np.float32)
        start, plane = self.position.astype(np.float32)[:, None], right * across + up * down
        return (start + plane, forward) if self.parallel else (start, plane + forward)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixel coordinates (n, 2) and distances (n,) of world points (n, 3)."""
        right, up, forward = ((np.asarray(points) - self.position) @ self.axes.T).T
        scale = self.scale if self.parallel else self.scale / np.maximum(forward, 1e-6)
        return np.stack([self.width / 2 + right * scale, self.height / 2 - up * scale], axis=1), forward


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The visible surfaces of a view."""

    distance: npt.NDArray[np.float32]
    """(height, width) ray parameter, infinite without a hit."""
    solid: npt.NDArray[np.int16]
    """(height, width) index of the solid, -1 without a hit."""


def look(*, position: Floats, target: Floats, scale: float, width: int, height: int, roll: float = 0.0) -> View:
    """A perspective view from `position` towards `target`, rolled by degrees."""
    axes = _axes_towards(target - position)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ axes
    return View(position=position, axes=axes, scale=scale, width=width, height=height)


def parallel(*, centre: Floats, direction: Floats, extent: float, size: int) -> View:
    """Parallel rays through `size` x `size` pixels of a square of edge `extent` metres around `centre`."""
    axes = _axes_towards(direction)
    return View(
        position=centre - 2.0 * axes[2],
        axes=axes,
        scale=size / extent,
        width=size,
        height=size,
        parallel=True,
    )


def cast(solids: Sequence[Solid], view: View, *, least: int = 1) -> Hits:
    """The nearest solid along each ray; solids less than `least` pixels wide and high are left out."""
    distance = np.full((view.height, view.width), np.inf, dtype=np.float32)
    nearest = np.full((view.height, view.width), -1, dtype=np.int16)
    for number, (solid, box) in enumerate(zip(solids, _screen_boxes(solids, view), strict=True)):
        x0, y0, x1, y1 = box
        if x0 >= x1 or y0 >= y1 or max(x1 - x0, y1 - y0) < least:
            continue
        t = _enter_solid(solid, *view.rays(box, solid)).reshape(y1 - y0, x1 - x0)
        old = distance[y0:y1, x0:x1]
        closer = (t < old) & (t > NEAR)
        np.copyto(old, t, where=closer)
        np.copyto(nearest[y0:y1, x0:x1], number, where=closer)
    return Hits(distance=distance, solid=nearest)


def meet(solid: Solid, origins: Floats, directions: Floats) -> Floats:
    """The ray parameter (n,) where rays of the world enter the solid, infinite without a hit."""
    inward = solid.inward.astype(np.float32)
    return _enter_solid(solid, inward @ (origins - solid.origin.astype(np.float32)[:, None]), inward @ directions)


def normals(solid: Solid, local: Floats) -> Floats:
    """Outward unit normals (3, n) in the world at surface points `local` (3, n) of the solid's frame."""
    if solid.shape == "ellipsoid":
        inner = local
    elif solid.shape == "box":
        size = np.abs(local)
        inner = np.where(size >= size.max(axis=0), np.sign(local), 0)
    else:
        inner = _cone_normals(local, solid.height, *solid.radii)
    return unit(solid.inward.T.astype(np.float32) @ inner)


def _axes_towards(direction: Floats) -> Floats:
    forward = direction / np.linalg.norm(direction)
    up = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.99 else np.array([0.0, 0.0, 1.0])
    right = cross(forward, up)
    right /= np.linalg.norm(right)
    return np.stack([right, cross(right, forward), forward])


def _screen_boxes(solids: Sequence[Solid], view: View) -> list[tuple[int, int, int, int]]:
    """The pixels x0, y0, x1, y1 that each solid may cover; empty boxes for solids behind the eye."""
    if not solids:
        return []
    pixels, distance = view.project(np.concatenate([solid.corners for solid in solids]))
    pixels, distance = pixels.reshape(-1, 8, 2), distance.reshape(-1, 8)
    size = np.array([view.width, view.height])
    low = np.clip(np.floor(pixels.min(axis=1)), 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=1)) + 1, 0, size).astype(int)
    if not view.parallel:
        around = distance.min(axis=1) <= NEAR
        low[around], high[around] = 0, size
        high[distance.max(axis=1) <= NEAR] = 0
    return [(x0, y0, x1, y1) for (x0, y0), (x1, y1) in zip(low.tolist(), high.tolist(), strict=True)]


def _enter_solid(solid: Solid, o: Floats, d: Floats) -> Floats:
    if solid.shape == "ellipsoid":
        return _enter_sphere(o, d, 1.0)
    if solid.shape == "box":
        return _enter_box(o, d)
    return _enter_cone(o, d, solid.height, *solid.radii)


def _enter(a: Floats, b: Floats, c: Floats) -> Floats:
    # The root of a t^2 + 2 b t + c where the sign goes from plus to minus, whatever the sign of a.
    disc = b * b - a * c
    missed = disc <= 0
    np.sqrt(np.maximum(disc, 0, out=disc), out=disc)
    disc += b
    t = np.divide(disc, -a)
    np.putmask(t, missed, np.inf)
    return t


def _enter_sphere(o: Floats, d: Floats, radius: float) -> Floats:
    return _enter(dot(d, d), dot(o, d), dot(o, o) - np.float32(radius * radius))


def _enter_box(o: Floats, d: Floats) -> Floats:
    inverse = 1 / np.where(np.abs(d) < 1e-9, np.float32(1e-9), d)
    middle, half = -o * inverse, np.abs(inverse)
    enter, leave = (middle - half).max(axis=0), (middle + half).min(axis=0)
    return np.where(enter < leave, enter, np.float32(np.inf))


def _enter_cone(o: Floats, d: Floats, height: float, first: float, second: float) -> Floats:
    # The hull of two balls: the balls and the frustum that touches both, of half angle asin(sine).
    sine = (first - second) / height
    slope = np.float32(sine / np.sqrt(1 - sine * sine))
    radius = np.float32(first / np.sqrt(1 - sine * sine)) - slope * o[1]
    dd, od, oo = dot(d, d), dot(o, d), dot(o, o)
    # x^2 + z^2 = (radius - slope t d_y)^2, written with the dot products that the balls need as well.
    lift = np.float32(1 + slope * slope)
    a = dd - lift * d[1] * d[1]
    np.putmask(a, a == 0, 1e-9)
    side = _enter(a, od - o[1] * d[1] + slope * radius * d[1], oo - o[1] * o[1] - radius * radius)
    y = o[1] + np.minimum(side, np.float32(1e9)) * d[1]
    np.putmask(side, (y < first * sine) | (y > height + second * sine), np.inf)
    low = _enter(dd, od, oo - np.float32(first * first))
    h = np.float32(height)
    high = _enter(dd, od - h * d[1], oo - 2 * h * o[1] + np.float32(height * height - second * second))
    return np.asarray(np.minimum(np.minimum(side, low), high))


def _cone_normals(local: Floats, height: float, first: float, second: float) -> Floats:
    sine = (first - second) / height
    cosine = np.sqrt(1 - sine * sine)
    x, y, z = local
    around = np.maximum(np.sqrt(x * x + z * z), 1e-9)
    side = np.stack([x * cosine / around, np.full_like(x, sine), z * cosine / around])
    low, high = y < first * sine, y > height + second * sine
    caps = np.stack([x, np.where(low, y, y - height), z])
    caps /= np.where(low, first, second)
    return np.where(low | high, caps, side)
