"""The cabin: front seats, console, door trim and the hardware of the belt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.solids import Colour, Frame, Material, Solid, Stuff, blob, block, limb, rotation
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams

RECLINE = 20.0
"""Tilt of the seat back, degrees."""
RING = np.array([-0.385, 0.60, -0.33])
"""Where the belt leaves the pillar."""
BUCKLE = np.array([0.235, -0.02, -0.02])
LAP_ANCHOR = np.array([-0.235, -0.17, -0.12])


@dataclass(frozen=True, kw_only=True)
class Interior:
    """Colours and materials of one cabin."""

    seat: Material
    seat_side: Material
    trim: Material
    """Doors and console."""
    pillar: Colour
    roof: Colour
    floor: Colour
    rear: Material


def draw_interior(parameters: SceneParameters, streams: Streams, belt: Colour) -> Interior:
    """The colours of the cabin; `belt` is used for seats that resemble it."""
    rng, likeness = streams.of("interior"), streams.of("interior like belt")
    palette = colours.INTERIOR_MANY if parameters.interior_colours == "many" else colours.INTERIOR_FEW
    seat = colours.pick(rng, palette, 0.2)
    trim = colours.pick(rng, palette, 0.2)
    alike = likeness.random() < parameters.interior_like_belt_share
    near = colours.shade(belt, float(likeness.uniform(0.75, 1.35)))
    seat = near if alike else seat
    side = colours.shade(seat, float(rng.uniform(0.6, 1.3)))
    roof = colours.blend((0.5, 0.48, 0.45), trim, float(rng.uniform(0, 0.6)))
    style = str(rng.choice(["leather", "weave", "knit", "mottled"]))
    if not parameters.textures:
        style = "plain"
    bump = 0.12 if parameters.textures else 0.0
    gloss = 0.12 if style == "leather" else 0.03
    seat_stuff = Material(
        colour=seat,
        second=colours.shade(seat, 0.55),
        pattern=style,
        tile=0.16,
        bump=bump,
        fold=0.4,
        gloss=gloss,
    )
    if parameters.materials == "worn":
        seat_stuff = seat_stuff.worn()
    return Interior(
        seat=seat_stuff,
        seat_side=Material(colour=side, second=colours.shade(side, 0.6), pattern=style, tile=0.16, gloss=gloss),
        trim=Material(colour=trim, second=colours.shade(trim, 0.7), pattern=style, tile=0.22, gloss=0.12),
        pillar=colours.blend(roof, trim, float(rng.uniform(0, 0.8))),
        roof=roof,
        floor=colours.shade(trim, 0.4),
        rear=seat_stuff,
    )


def cabin_solids(interior: Interior, *, detail: bool) -> list[Solid]:
    """Seats, console and door trim."""
    solids = [*_seat(interior, 0.0), *_seat(interior, 0.74), *_rear(interior)]
    world = Frame(np.zeros(3), np.eye(3))
    console = Stuff(LABELS["console"], interior.trim, "console")
    solids += [
        block(world, (0.37, -0.28, 0.10), (0.075, 0.20, 0.55), console),
        block(world, (0.37, -0.04, -0.12), (0.065, 0.05, 0.17), console),
        block(world, (-0.40, 0.13, 0.20), (0.045, 0.03, 0.30), Stuff(LABELS["door"], interior.trim, "door")),
    ]
    if detail:
        solids += _details(world)
    return solids


def hardware(*, in_use: bool) -> list[Solid]:
    """Ring at the pillar and buckle beside the seat; the tongue only when the belt is in use."""
    world, upright = Frame(np.zeros(3), rotation(roll=12)), Frame(RING, np.eye(3))
    black = Material(colour=(0.015, 0.015, 0.016), gloss=0.3)
    case = Stuff(LABELS["belt_buckle"], black, "buckle")
    button = Stuff(LABELS["belt_buckle"], Material(colour=(0.5, 0.02, 0.02), gloss=0.3), "buckle")
    tongue = Stuff(LABELS["belt_buckle"], Material(colour=(0.45, 0.45, 0.47), gloss=0.6), "buckle")
    x, y, z = (float(v) for v in BUCKLE)
    solids = [
        block(world, (x, y - 0.015, z), (0.024, 0.042, 0.014), case),
        block(world, (x, y + 0.020, z + 0.008), (0.014, 0.010, 0.009), button),
        block(world, (x, y - 0.09, z - 0.01), (0.012, 0.06, 0.006), case),
        blob(upright, (-0.025, 0.012, 0), (0.022, 0.034, 0.034), Stuff(LABELS["pillar"], black, "ring")),
    ]
    if in_use:
        solids.append(block(world, (x - 0.002, y + 0.045, z), (0.022, 0.018, 0.003), tongue))
    return solids


def _seat(interior: Interior, x: float) -> list[Solid]:
    seat = Stuff(LABELS["seat"], interior.seat, "seat")
    side = Stuff(LABELS["seat"], interior.seat_side, "seat")
    rest = Stuff(LABELS["headrest"], interior.seat, "headrest")
    steel = Stuff(LABELS["headrest"], Material(colour=(0.3, 0.3, 0.3), gloss=0.5), "headrest")
    back = Frame(np.array([x, -0.06, -0.165]), rotation(pitch=-RECLINE))
    flat = Frame(np.array([x, -0.165, 0.10]), rotation(pitch=-6))
    up, front = back.point, back.axes[:, 2]
    solids = [
        limb(up(0, 0.02, -0.03), up(0, 0.50, -0.02), (0.20, 0.17), seat, squash=(1, 0.36), front=front),
        limb(up(-0.10, 0.56, -0.02), up(0.10, 0.56, -0.02), (0.07, 0.07), seat, squash=(1, 0.75), front=front),
        limb(
            up(-0.085, 0.735, 0.02),
            up(0.085, 0.735, 0.02),
            (0.085, 0.085),
            rest,
            squash=(1, 0.55),
            front=front,
        ),
        block(flat, (0, 0, 0), (0.19, 0.07, 0.27), seat),
        limb(flat.point(-0.17, 0.03, 0.27), flat.point(0.17, 0.03, 0.27), (0.06, 0.06), seat),
    ]
    for sign in (-1, 1):
        solids += [
            limb(up(sign * 0.215, 0.02, 0.0), up(sign * 0.19, 0.47, -0.01), (0.062, 0.05), side),
            limb(
                flat.point(sign * 0.215, 0.03, -0.22),
                flat.point(sign * 0.215, 0.03, 0.26),
                (0.06, 0.055),
                side,
            ),
            limb(up(sign * 0.05, 0.56, -0.01), up(sign * 0.05, 0.72, 0.01), (0.008, 0.008), steel),
        ]
    return solids


def _rear(interior: Interior) -> list[Solid]:
    style = Stuff(LABELS["background"], interior.rear, "rear")
    left, right = np.array([-0.25, 0.10, -1.45]), np.array([1.0, 0.10, -1.45])
    solids = [limb(left, right, (0.30, 0.30), style, squash=(0.35, 1), front=np.array([0.0, 1, 0.2]))]
    for x in (0.0, 0.74):
        low, high = np.array([x - 0.08, 0.46, -1.5]), np.array([x + 0.08, 0.46, -1.5])
        solids.append(limb(low, high, (0.07, 0.07), style))
    return solids


def _details(world: Frame) -> list[Solid]:
    dark, chrome = (
        Material(colour=(0.02, 0.02, 0.022), gloss=0.4),
        Material(colour=(0.5, 0.5, 0.5), gloss=0.6),
    )
    door, console = LABELS["door"], LABELS["console"]
    handle = world.point(-0.415, 0.235, 0.30), world.point(-0.415, 0.235, 0.42)
    lever = world.point(0.37, -0.08, 0.28), world.point(0.365, 0.05, 0.30)
    return [
        blob(world, (-0.425, -0.06, 0.32), (0.02, 0.085, 0.085), Stuff(door, dark, "door")),
        limb(*handle, (0.012, 0.012), Stuff(door, chrome, "door")),
        limb(*lever, (0.016, 0.012), Stuff(console, dark, "console")),
        blob(world, (0.365, 0.06, 0.30), (0.026, 0.032, 0.026), Stuff(console, chrome, "console")),
    ]
