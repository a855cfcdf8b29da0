"""A seated body out of ellipsoids and tapering limbs.

World axes: x to the right of the picture (the occupant's left), y up, z to the front of the car; the origin
lies between the hips. Metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatbelt.data.scenes.geometry.solids import Floats, Frame, Solid, Stuff, blob, cross, limb, rotation
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.objects.heads import head_solids
from seatbelt.data.scenes.objects.people import Outfit, Person, Pose

_HANDS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    # pose: place of the hand on the door side, place of the other hand; metres
    "thighs": ((-0.13, 0.14, 0.27), (0.13, 0.14, 0.27)),
    "knees": ((-0.15, 0.15, 0.38), (0.16, 0.15, 0.36)),
    "door": ((-0.33, 0.20, 0.20), (0.12, 0.14, 0.26)),
    "console": ((-0.12, 0.14, 0.28), (0.29, 0.10, 0.24)),
    "lap": ((-0.04, 0.12, 0.22), (0.05, 0.15, 0.22)),
    "crossed": ((0.045, 0.22, 0.17), (-0.06, 0.27, 0.19)),
    "holding": ((-0.02, 0.33, 0.16), (0.12, 0.14, 0.26)),
    "phone": ((-0.06, 0.27, 0.27), (0.05, 0.26, 0.28)),
    "chin": ((-0.13, 0.14, 0.27), (0.05, 0.50, 0.14)),
}


@dataclass(frozen=True, kw_only=True)
class Body:
    """An occupant on the seat."""

    solids: tuple[Solid, ...]
    trunk: Frame
    """Origin between the hips, y along the spine, z to the front of the chest."""
    size: float
    shoulders: float
    """Half the distance of the shoulder joints, metres."""


def build_body(person: Person, outfit: Outfit, pose: Pose, *, face: bool, clothes: bool) -> Body:
    """All solids of an occupant."""
    s = person.size
    hips = Frame(np.zeros(3), np.eye(3))
    trunk = Frame(hips.origin, rotation(yaw=pose.yaw) @ rotation(roll=pose.lean) @ rotation(pitch=-pose.recline))
    half = 0.175 * s * person.shoulders
    solids = [*_trunk(person, outfit, trunk, half), *_legs(person, outfit, pose)]
    for side in (-1, 1):
        solids += _arm(person, outfit, pose, trunk, side, half, clothes=clothes)
    neck = trunk.point(0, 0.50 * s, -0.012)
    turn = rotation(yaw=pose.head_yaw, pitch=pose.recline * 0.8 + pose.head_pitch)
    head = trunk.child((0, 0.635 * s + 0.02, 0.022), turn)
    solids.append(
        limb(
            neck,
            head.point(0, -0.03, -0.015),
            (0.057 * s, 0.052 * s),
            Stuff(LABELS["skin"], outfit.skin, "neck"),
        )
    )
    solids += head_solids(person, outfit, head, trunk, face=face)
    return Body(solids=tuple(solids), trunk=trunk, size=s, shoulders=half)


def _trunk(person: Person, outfit: Outfit, trunk: Frame, half: float) -> list[Solid]:
    s, g, bust = person.size, person.girth, person.bust
    # The pattern of the cloth has its middle on the breastbone.
    shirt = Stuff(LABELS["shirt"], outfit.jacket or outfit.shirt, "trunk", trunk.child((-0.31, -0.05, 0)))
    waist, ribs = trunk.point(0, 0.09 * s, 0.004 * s), trunk.point(0, 0.355 * s, 0.0)
    round_radii = (0.150 * s * g, (0.168 + 0.5 * person.belly) * s, (0.090 + person.belly / 2) * s * g)
    solids = [
        limb(waist, ribs, (0.150 * s * g, 0.166 * s * g), shirt, squash=(1, 0.70), front=trunk.axes[:, 2]),
        blob(trunk, (0, 0.13 * s, (0.020 + person.belly / 2) * s), round_radii, shirt),
        blob(
            trunk,
            (0, 0.0, 0.0),
            (0.175 * s * g, 0.115 * s, 0.125 * s * g),
            Stuff(LABELS["pants"], outfit.pants, "trunk"),
        ),
    ]
    neck = trunk.point(0, 0.515 * s, -0.02)
    for side in (-1, 1):
        joint = trunk.point(side * half, 0.455 * s, -0.015)
        solids.append(limb(neck, joint, (0.05 * s, 0.062 * s), shirt))
        breast = (0.10 * s * g, 0.125 * s, (0.080 + 0.035 * bust) * s * g)
        solids.append(blob(trunk, (side * 0.068 * s, 0.350 * s, 0.034 * s * g), breast, shirt))
    if outfit.collar:
        low, high = trunk.point(0, 0.515 * s, -0.012), trunk.point(0, 0.545 * s, -0.008)
        collar = Stuff(LABELS["shirt"], outfit.shirt, "collar")
        solids.append(limb(low, high, (0.072 * s, 0.066 * s), collar))
    return solids


def _legs(person: Person, outfit: Outfit, pose: Pose) -> list[Solid]:
    s, g = person.size, person.girth**0.7
    turn = rotation(yaw=0.35 * pose.yaw)
    solids = []
    for side in (-1, 1):
        hip, knee = (
            turn @ np.array([side * 0.085, -0.015, 0.02]) * s,
            turn @ np.array([side * 0.13, 0.06, 0.47]) * s,
        )
        foot = np.array([side * 0.12, -0.38, 0.52]) * s
        style = Stuff(LABELS["pants"], outfit.pants, "leg")
        solids.append(limb(hip, knee, (0.088 * s * g, 0.062 * s), style))
        solids.append(limb(knee, foot, (0.060 * s, 0.045 * s), style))
    return solids


def _arm(
    person: Person, outfit: Outfit, pose: Pose, trunk: Frame, side: int, half: float, *, clothes: bool
) -> list[Solid]:
    s, g = person.size, person.girth**0.6
    shoulder = trunk.point(side * half, 0.45 * s, -0.012)
    nudge = np.array(pose.jitter[:3] if side < 0 else pose.jitter[3:])
    hand = np.array(_HANDS[pose.arms][0 if side < 0 else 1]) * s + nudge
    if pose.arms in ("crossed", "holding", "chin"):
        hand = rotation(yaw=pose.yaw) @ hand
    elbow, wrist = _bend(shoulder, hand, 0.285 * s, 0.25 * s, side)
    bare = LABELS["skin"], outfit.skin
    cover = LABELS["shirt"], outfit.jacket or outfit.shirt
    sleeves = "long" if outfit.jacket else outfit.sleeves
    upper = bare if sleeves == "none" else cover
    lower = cover if sleeves == "long" else bare
    loose = 0.006 if clothes else 0.0
    radii = (0.058 * s * g, 0.045 * s * g, 0.030 * s)
    solids = [
        limb(shoulder, elbow, (radii[0], radii[1]), Stuff(upper[0], upper[1], "arm")),
        limb(elbow, wrist, (radii[1], radii[2]), Stuff(lower[0], lower[1], "arm")),
    ]
    if sleeves == "short":
        hem = shoulder + 0.55 * (elbow - shoulder)
        solids[0] = limb(shoulder, elbow, (radii[0] * 0.9, radii[1]), Stuff(bare[0], bare[1], "arm"))
        width = (radii[0] + loose, 0.055 * s * g + loose)
        solids.append(limb(shoulder, hem, width, Stuff(cover[0], cover[1], "arm")))
    return solids + _hand(outfit, elbow, wrist, s, side)


def _bend(shoulder: Floats, hand: Floats, upper: float, lower: float, side: int) -> tuple[Floats, Floats]:
    """Elbow and wrist for a position of the hand, as far as the arm reaches."""
    reach = hand - shoulder
    length = float(np.linalg.norm(reach))
    along = reach / length
    length = float(np.clip(length, abs(upper - lower) + 0.05, 0.985 * (upper + lower)))
    forward = (upper**2 - lower**2 + length**2) / (2 * length)
    out = np.array([side * 0.75, -0.6, -0.25])
    out -= along * float(out @ along)
    out /= np.linalg.norm(out)
    elbow = shoulder + along * forward + out * np.sqrt(max(upper**2 - forward**2, 0.0))
    return elbow, shoulder + along * length


def _hand(outfit: Outfit, elbow: Floats, wrist: Floats, s: float, side: int) -> list[Solid]:
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    # A relaxed hand hangs a little from the wrist.
    along = along + np.array([0, -0.25, 0.1])
    along /= np.linalg.norm(along)
    across = cross(along, np.array([0.0, 1.0, 0.3]))
    across /= np.linalg.norm(across)
    style = Stuff(LABELS["skin"], outfit.skin, "arm")
    palm = wrist + 0.05 * s * along
    back = cross(across, along)
    solids = [limb(wrist, wrist + 0.075 * s * along, (0.030 * s, 0.040 * s), style, squash=(1, 0.55), front=back)]
    for finger in (-1.5, -0.5, 0.5, 1.5):
        root = palm + across * finger * 0.019 * s + 0.035 * s * along
        tip = root + along * 0.055 * s + np.array([0, -0.02, 0]) * s
        solids.append(limb(root, tip, (0.011 * s, 0.009 * s), style))
    thumb = palm - across * side * 0.035 * s
    solids.append(limb(palm - across * side * 0.02 * s, thumb + along * 0.04 * s, (0.014 * s, 0.010 * s), style))
    return solids
