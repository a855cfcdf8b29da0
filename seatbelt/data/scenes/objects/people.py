"""Occupants: all random choices of body, clothes and posture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.solids import Colour, Material
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams

HIDING_POSES = ("lap", "crossed", "holding", "phone", "chin")
"""Hands or forearms lie before the belt."""
OPEN_POSES = ("thighs", "knees", "door", "console")
PRINTS = ("plain", "weave", "stripes", "pinstripes", "plaid", "dots", "knit", "print", "blotches")
HAIRCUTS = ("bald", "short", "curly", "fringe", "long", "tail", "bun", "cap")


@dataclass(frozen=True, kw_only=True)
class Person:
    """A body; lengths are factors of the usual one."""

    size: float
    girth: float
    shoulders: float
    belly: float
    """Extra depth at the waist, metres."""
    bust: float
    """From 0 to 1."""
    head: float
    haircut: str
    beard: bool
    glasses: bool
    skin: Colour
    hair: Colour


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """Clothes of one occasion."""

    shirt: Material
    pants: Material
    skin: Material
    sleeves: str
    """`none`, `short` or `long`."""
    collar: bool
    jacket: Material | None
    """Worn over the shirt, open in front, with long sleeves."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """The posture of an occupant; degrees."""

    yaw: float
    lean: float
    recline: float
    head_yaw: float
    head_pitch: float
    arms: str
    """One of `HIDING_POSES` or `OPEN_POSES`."""
    jitter: tuple[float, ...]
    """Displacement of both hands, twice three numbers, metres."""


def draw_person(parameters: SceneParameters, streams: Streams, number: int) -> Person:
    """The body of a person, the same in all of that person's images."""
    rng = streams.person("body", number)
    wide = 1.5 if parameters.bodies == "other" else 1.0
    size, girth, shoulders, head = rng.standard_normal(4) * [0.045, 0.08, 0.05, 0.03] * wide
    belly, bust = rng.random(2)
    looks = streams.person("looks", number)
    cut = HAIRCUTS[int(looks.integers(len(HAIRCUTS)))]
    beard, glasses = looks.random(2) < [0.3, 0.3]
    # Four draws could give the same haircut, so four persons get four different ones.
    if number < 4 and parameters.persons <= 4:
        cut = ("short", "long", "fringe", "tail")[number]
    return Person(
        size=float(np.clip(1 + size, 0.89, 1.075)),
        girth=float(np.clip(1 + girth, 0.82, 1.3)),
        shoulders=float(np.clip(1 + shoulders, 0.88, 1.14)),
        belly=0.07 * wide * float(belly) ** 2,
        bust=float(max(bust - 0.5, 0) * 2),
        head=float(np.clip(1 + head, 0.92, 1.08)),
        haircut=cut if parameters.hair else "bald",
        beard=bool(beard) and cut not in ("long", "tail", "bun") and parameters.faces,
        glasses=bool(glasses) and parameters.faces,
        skin=colours.pick(looks, colours.SKIN, 0.15),
        hair=colours.pick(looks, colours.HAIR, 0.2),
    )


def draw_outfit(parameters: SceneParameters, streams: Streams, number: int, person: Person) -> Outfit:
    """Colours and cut of the clothes."""
    if parameters.outfits:
        which = int(streams.of("outfit").integers(parameters.outfits))
        rng = streams.person(f"clothes {which}", number)
    else:
        rng = streams.of("clothes")
    dummy = Material(colour=colours.vivid(rng))
    shirt, pants, sleeves = (
        colours.pick(rng, colours.CLOTH, 0.4),
        colours.pick(rng, colours.PANTS, 0.4),
        rng.random(),
    )
    if parameters.occupant_colours == "single":
        return Outfit(shirt=dummy, pants=dummy, skin=dummy, sleeves="long", collar=False, jacket=None)
    plain = Outfit(
        shirt=Material(colour=shirt),
        pants=Material(colour=pants),
        skin=Material(colour=person.skin, second=colours.shade(person.skin, 0.85), pattern="mottled", gloss=0.08),
        sleeves="none" if sleeves < 0.12 else "short" if sleeves < 0.5 else "long",
        collar=False,
        jacket=None,
    )
    return _tailored(plain, rng, worn=parameters.materials == "worn") if parameters.clothes else plain


def _tailored(plain: Outfit, rng: np.random.Generator, *, worn: bool) -> Outfit:
    """The same colours as patterned cloth with folds, perhaps under a jacket."""
    second, jacket = (colours.pick(rng, colours.CLOTH, 0.4) for _ in range(2))
    pattern = PRINTS[int(rng.integers(len(PRINTS)))]
    tile = 0.62 if pattern == "print" else float(rng.uniform(0.12, 0.3))
    top = replace(plain.shirt, second=second, pattern=pattern, tile=tile, bump=0.28, fold=0.42, gloss=0.02)
    denim = colours.shade(plain.pants.colour, 1.8)
    legs = replace(plain.pants, second=denim, pattern="denim", tile=0.2, bump=0.22, fold=0.3, gloss=0.02)
    zipper = colours.shade(jacket, 0.4)
    over = Material(colour=jacket, second=zipper, pattern="zip", tile=0.62, bump=0.35, fold=0.4)
    collar, covered = rng.random(2) < [0.4, 0.25]
    if worn:
        top, legs, over = top.worn(), legs.worn(), over.worn()
    return replace(plain, shirt=top, pants=legs, collar=bool(collar), jacket=over if covered else None)


def draw_pose(parameters: SceneParameters, streams: Streams) -> Pose:
    """The posture in this image; every generation draws the same numbers, whichever variations are on."""
    turn, lean, head = streams.of("rotation"), streams.of("lean"), streams.of("head")
    choice = streams.of("arm pose")
    hides = streams.of("arms over belt").random() < parameters.arms_over_belt_share
    open_pose = OPEN_POSES[int(choice.integers(len(OPEN_POSES)))] if parameters.arm_poses else "thighs"
    hiding = HIDING_POSES[int(choice.integers(len(HIDING_POSES)))]
    reach = 0.03 if parameters.arm_poses or hides else 0.0
    return Pose(
        yaw=float(turn.uniform(-1, 1)) * parameters.rotation_range,
        lean=float(lean.uniform(-1, 1)) * parameters.lean_range,
        recline=14 - float(lean.uniform(-0.2, 1)) * parameters.lean_range,
        head_yaw=float(head.uniform(-1, 1)) * parameters.head_range,
        head_pitch=float(head.uniform(-0.4, 0.6)) * parameters.head_range,
        arms=hiding if hides else open_pose,
        jitter=tuple((choice.uniform(-1, 1, 6) * reach).tolist()),
    )
