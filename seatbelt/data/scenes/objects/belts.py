"""Webbing drawn taut over a body.

A strap lies in the plane through its two anchors and a point of the body. In that plane the taut strap is the upper
hull of the body's profile, which parallel rays measure. Several such profiles side by side give the strap its width, so
that it tilts with the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.raycast import meet
from seatbelt.data.scenes.geometry.ribbon import Ribbon
from seatbelt.data.scenes.geometry.solids import Colour, Floats, Material, Solid, cross
from seatbelt.data.scenes.objects.bodies import Body
from seatbelt.data.scenes.objects.cabin import BUCKLE, LAP_ANCHOR, RING
from seatbelt.data.scenes.parameters import BeltPlacement, SceneParameters
from seatbelt.data.scenes.streams import Streams

_STEPS, _ACROSS = 52, 5
_LIFT = 0.005
"""Distance of the webbing from the surface in metres; folds of cloth are not modelled."""


@dataclass(frozen=True, kw_only=True)
class Belt:
    """The random choices for the belt of one image."""

    placement: BeltPlacement
    occupied: bool
    stowed: bool
    """Out of use and hanging at the pillar."""
    colour: Colour
    width: float
    """Metres."""
    cross: tuple[float, float]
    """Displacement of the crossing points on the shoulder and the chest along the shoulders, metres."""
    slack: float
    """Metres."""

    @property
    def material(self) -> Material:
        """The webbing."""
        return Material(
            colour=self.colour,
            second=colours.shade(self.colour, 1.6),
            pattern="webbing",
            tile=0.047,
            gloss=0.06,
        )


def draw_belt(parameters: SceneParameters, streams: Streams) -> Belt:
    """Draw how the belt is worn and its appearance."""
    palette = colours.BELT_MANY if parameters.belt_colours == "many" else colours.BELT_FEW
    shape = streams.of("belt shape")
    occupied = bool(streams.of("empty seat").random() >= parameters.empty_share)
    belted = occupied and bool(streams.of("unbelted").random() >= parameters.unbelted_share)
    stowed = not belted and bool(streams.of("stowed belt").random() < parameters.stowed_belt_share)
    return Belt(
        placement=_placement(parameters, float(streams.of("belt placement").random())) if belted else "none",
        occupied=occupied,
        stowed=stowed,
        colour=colours.pick(streams.of("belt colour"), palette, 0.2),
        width=0.047 * float(shape.uniform(0.95, 1.05)),
        cross=(float(shape.uniform(-0.025, 0.02)), float(shape.uniform(-0.03, 0.03))),
        slack=float(streams.of("belt slack").random()) ** 2 * parameters.belt_slack_range,
    )


def build_belt(belt: Belt, body: Body | None, *, follows: bool) -> list[Ribbon]:
    """All webbing of an image."""
    if belt.stowed:
        down = np.array([-0.385, -0.35, -0.36])
        return [_straight(belt, RING, down)]
    if belt.placement == "none" or body is None:
        return []
    trunk = [solid for solid in body.solids if solid.part in ("trunk", "collar")]
    lap = [solid for solid in body.solids if solid.part in ("trunk", "leg")]
    hips = BUCKLE + np.array([-0.004, 0.05, 0.0])
    size = body.size
    ribbons = [_drape(belt, hips, LAP_ANCHOR, np.array([0.0, 0.055, 0.13]) * size, lap, follows=follows)]
    shoulder = body.trunk.point(-0.62 * body.shoulders + belt.cross[0], 0.50 * size, 0.03)
    chest = body.trunk.point(belt.cross[1] + 0.01, 0.27 * size, 0.13)
    if belt.placement == "lap_only":
        behind = body.trunk.point(-0.10, 0.30, -0.16)
        return [*ribbons, _straight(belt, RING, behind)]
    if belt.placement == "under_arm":
        shoulder = body.trunk.point(-0.16, 0.27 * size, 0.05)
        chest = body.trunk.point(0.0, 0.20 * size, 0.13)
    if belt.placement == "off_shoulder":
        trunk += [solid for solid in body.solids if solid.part == "arm"][:1]
        shoulder = body.trunk.point(-1.18 * body.shoulders, 0.40 * size, 0.02)
        chest = body.trunk.point(0.0, 0.22 * size, 0.13)
    return [*ribbons, _drape(belt, RING, hips, 0.5 * (shoulder + chest), trunk, follows=follows)]


def _placement(parameters: SceneParameters, draw: float) -> BeltPlacement:
    shares: list[tuple[BeltPlacement, float]] = [
        ("under_arm", parameters.under_arm_share),
        ("off_shoulder", parameters.off_shoulder_share),
        ("lap_only", parameters.lap_only_share),
    ]
    for placement, share in shares:
        if draw < share:
            return placement
        draw -= share
    return "correct"


def _drape(belt: Belt, start: Floats, end: Floats, over: Floats, body: Sequence[Solid], *, follows: bool) -> Ribbon:
    """A strap from `start` to `end` whose plane contains the point `over`."""
    chord = end - start
    length = float(np.linalg.norm(chord))
    along = chord / length
    out = over - start
    out -= along * float(out @ along)
    out /= np.linalg.norm(out)
    across = cross(along, out)
    share = np.linspace(0, 1, _STEPS)
    offsets = np.linspace(-0.5, 0.5, _ACROSS) * belt.width
    feet = start + share[:, None, None] * chord + offsets[:, None] * across
    height = _profile(feet, out, body)
    if follows:
        height = np.stack([_hull(share, column) for column in height.T], axis=1)
        height = _stiffened(height, offsets)
    else:
        # Without colliders: one stiff line, bent only where it crosses the shoulder and the belly.
        height = np.repeat(_stiff(share, height.mean(axis=1))[:, None], _ACROSS, axis=1)
    height[1:-1] += _LIFT + belt.slack * np.sin(np.pi * share[1:-1])[:, None] ** 2
    points = feet + height[..., None] * out
    steps = np.linalg.norm(np.diff(points[:, _ACROSS // 2], axis=0), axis=1)
    return Ribbon(points=points, along=np.concatenate([[0.0], np.cumsum(steps)]), width=belt.width)


def _profile(feet: Floats, out: Floats, body: Sequence[Solid]) -> Floats:
    """Height of the body above each foot (steps, across), 0 where there is none."""
    above = 0.8
    origins = (feet.reshape(-1, 3) + above * out).T.astype(np.float32)
    nearest = np.full(origins.shape[1], np.inf, dtype=np.float32)
    for solid in body:
        nearest = np.minimum(nearest, meet(solid, origins, (-out).astype(np.float32)[:, None]))
    height = np.where(np.isfinite(nearest), above - nearest, 0.0)
    return np.asarray(np.maximum(height, 0.0).reshape(feet.shape[:2]).astype(float))


def _hull(share: Floats, height: Floats) -> Floats:
    """The upper hull of a profile whose ends are held at 0."""
    profile = height.copy()
    profile[[0, -1]] = 0.0
    hull: list[int] = []
    for i in range(len(share)):
        while len(hull) > 1 and _below(share, profile, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    return np.interp(share, share[hull], profile[hull])


def _below(share: Floats, height: Floats, a: int, b: int, c: int) -> bool:
    rise = (height[c] - height[a]) * (share[b] - share[a])
    return bool((height[b] - height[a]) * (share[c] - share[a]) <= rise)


def _stiffened(height: Floats, offsets: Floats) -> Floats:
    """The same profiles (steps, across) for webbing that tilts and bends little across its width."""
    middle = height.mean(axis=1)
    tilt = (height - middle[:, None]) @ offsets / float(offsets @ offsets)
    tilt = np.convolve(np.pad(np.clip(tilt, -0.7, 0.7), 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    flat = middle[:, None] + tilt[:, None] * offsets
    # Slightly above the body rather than inside it.
    sunk = np.clip((height - flat).max(axis=1), 0, 0.012)
    return np.asarray(flat + sunk[:, None])


def _stiff(share: Floats, height: Floats) -> Floats:
    """A strap without colliders: straight pieces that bridge hollows and cut through bulges."""
    knots = np.array([0.0, 0.22, 0.48, 0.74, 1.0])
    clearance = np.array([0.0, 0.018, 0.024, 0.020, 0.0])
    bridged = np.interp(share, knots, np.interp(knots, share, _hull(share, height)) + clearance)
    return np.asarray(bridged)


def _straight(belt: Belt, start: Floats, end: Floats) -> Ribbon:
    """A strap that hangs free and faces inboard and forward."""
    share = np.linspace(0, 1, 24)[:, None, None]
    along = (end - start) / np.linalg.norm(end - start)
    side = cross(along, np.array([0.45, 0.15, 0.88]))
    side /= np.linalg.norm(side)
    offsets = np.linspace(-0.5, 0.5, 3)[:, None] * belt.width
    points = start + share * (end - start) + offsets * side
    return Ribbon(points=points, along=share[:, 0, 0] * float(np.linalg.norm(end - start)), width=belt.width)
