"""Solids, their frames and their materials."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
_UNIT_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], dtype=float)

Colour = tuple[float, float, float]
"""Linear red, green, blue from 0 to 1."""

Triple = tuple[float, float, float]
"""x, y, z."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """The appearance of a surface."""

    colour: Colour
    second: Colour | None = None
    """The other colour of a pattern; a darker shade of the first one by default."""
    pattern: str = "plain"
    """A name from `textures.PATTERNS`."""
    tile: float = 0.10
    """Edge of one pattern tile in metres."""
    bump: float = 0.0
    """How far folds and grain tilt the surface, as a slope."""
    fold: float = 0.12
    """Edge of one tile of folds in metres."""
    gloss: float = 0.05
    """Share of light that is mirrored, from 0 to 1."""

    def worn(self) -> Material:
        """The same material after years of use: paler, greyer and more creased."""
        grey = 0.05 + sum(self.colour) / 3
        red, green, blue = (0.75 * c + 0.25 * grey for c in self.colour)
        return replace(self, colour=(red, green, blue), bump=1.5 * self.bump, fold=0.75 * self.fold)


@dataclass(frozen=True)
class Frame:
    """A place and an orientation: world = origin + axes @ local."""

    origin: Floats
    """(3,) metres."""
    axes: Floats
    """(3, 3), columns are the local unit axes in the world."""

    def point(self, x: float, y: float, z: float) -> Floats:
        """The world position of a local point."""
        return np.asarray(self.origin + self.axes @ np.array([x, y, z]))

    def child(self, offset: tuple[float, float, float], rotation: Floats | None = None) -> Frame:
        """A frame at a local offset, turned by `rotation` (3, 3)."""
        turned = self.axes if rotation is None else self.axes @ rotation
        return Frame(self.point(*offset), turned)


@dataclass(frozen=True)
class Stuff:
    """Fields of a `Solid` other than its shape."""

    label: int
    material: Material
    part: str
    cloth: Frame | None = None


@dataclass(frozen=True, kw_only=True)
class Solid:
    """A convex solid in a local frame: world = origin + axes @ local."""

    shape: Literal["ellipsoid", "cone", "box"]
    """Unit sphere; hull of two spheres on the local y axis; cube from -1 to 1."""
    origin: Floats
    axes: Floats
    """(3, 3), columns are the local axes in the world: at right angles, but not of unit length."""
    label: int
    material: Material
    part: str
    """The part of the scene: `torso`, `arm`, `hair`, ..."""
    height: float = 0.0
    """Cone: distance of the two spheres."""
    radii: tuple[float, float] = (1.0, 1.0)
    """Cone: radius of the sphere at 0 and of the sphere at `height`."""
    cloth: Frame | None = None
    """Frame of the pattern; by default that of the solid."""

    @cached_property
    def inward(self) -> Floats:
        """(3, 3) inverse of `axes`, which transforms directions of the world into the local frame."""
        return np.asarray((self.axes / (self.axes * self.axes).sum(axis=0)).T)

    @cached_property
    def corners(self) -> Floats:
        """Eight points (8, 3) whose hull contains the solid."""
        low, high = np.full(3, -1.0), np.full(3, 1.0)
        if self.shape == "cone":
            first, second = self.radii
            widest = max(first, second)
            low = np.array([-widest, min(-first, self.height - second), -widest])
            high = np.array([widest, max(first, self.height + second), widest])
        return np.asarray(self.origin + (low + _UNIT_CORNERS * (high - low)) @ self.axes.T)


def rotation(*, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Floats:
    """Matrix (3, 3) that rolls about z, then pitches about x, then turns about y; degrees."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians([yaw, pitch, roll])) for f in (np.sin, np.cos))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def cross(a: Floats, b: Floats) -> Floats:
    """The cross product along the first axis, (3, ...); faster than numpy's."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def dot(a: Floats, b: Floats) -> Floats:
    """The dot product along the first axis, (3, ...); numpy's sum over a short first axis is slow."""
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def unit(vectors: Floats) -> Floats:
    """Vectors (3, ...) scaled to unit length."""
    return np.asarray(vectors / np.sqrt(np.maximum(dot(vectors, vectors), 1e-20)))


def blob(frame: Frame, at: Triple, radii: Triple, stuff: Stuff) -> Solid:
    """An ellipsoid with its axes along those of the frame; metres."""
    return _solid("ellipsoid", frame.point(*at), frame.axes * np.array(radii), stuff)


def block(frame: Frame, at: Triple, half: Triple, stuff: Stuff) -> Solid:
    """A box with half edges `half` along the axes of the frame; metres."""
    return _solid("box", frame.point(*at), frame.axes * np.array(half), stuff)


def limb(
    start: Floats,
    end: Floats,
    radii: tuple[float, float],
    stuff: Stuff,
    *,
    squash: tuple[float, float] = (1.0, 1.0),
    front: Floats | None = None,
) -> Solid:
    """The hull of two spheres; `squash` scales it sideways and along `front` (3,), its local z."""
    along = end - start
    height = math.sqrt(float(along @ along)) + 1e-9
    y = along / height
    z = np.array([0.0, 0.0, 1.0]) if front is None else front
    if abs(float(y @ z)) > 0.99:
        z = np.array([0.0, 1.0, 0.2])
    x = _across(y, z)
    axes = np.array([x * squash[0], y, _across(x, y) * squash[1]]).T
    # A ball that contains the other one has no tangent cone, so their difference stays below the height.
    first, spread = radii[0], 0.98 * height
    second = min(max(radii[1], first - spread), first + spread)
    return _solid("cone", start, axes, stuff, height, (first, second))


def _across(a: Floats, b: Floats) -> Floats:
    """The unit vector (3,) at right angles to two others; scalars are faster than arrays of three."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = math.sqrt(x * x + y * y + z * z)
    return np.array([x / length, y / length, z / length])


def _solid(
    shape: Literal["ellipsoid", "cone", "box"],
    origin: Floats,
    axes: Floats,
    stuff: Stuff,
    height: float = 0.0,
    radii: tuple[float, float] = (1.0, 1.0),
) -> Solid:
    return Solid(
        shape=shape,
        origin=origin,
        axes=axes,
        label=stuff.label,
        material=stuff.material,
        part=stuff.part,
        cloth=stuff.cloth,
        height=height,
        radii=radii,
    )
