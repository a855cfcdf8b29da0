"""Heads, from the bare head of a dummy to faces with hair, beards, glasses and caps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from seatbelt.data.scenes import colours
from seatbelt.data.scenes.geometry.solids import Frame, Material, Solid, Stuff, blob, limb
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.objects.people import Outfit, Person

_Place = tuple[float, float, float]


def head_solids(person: Person, outfit: Outfit, head: Frame, trunk: Frame, *, face: bool) -> list[Solid]:
    """All solids of a head whose frame has its origin between the ears; metres."""
    s = person.size * person.head
    skin = outfit.skin
    solids = [
        _blob(head, s, (0, 0.01, -0.005), (0.076, 0.108, 0.094), "skin", skin),
        _blob(head, s, (0, -0.058, 0.022), (0.056, 0.058, 0.062), "skin", skin),
    ]
    if face:
        solids += _features(person, outfit, head, s)
    if person.haircut != "bald":
        solids += _hair(person, head, trunk, s)
    return solids


def _blob(head: Frame, s: float, at: _Place, radii: _Place, label: str, material: Material) -> Solid:
    x, y, z = (s * v for v in at)
    a, b, c = (s * v for v in radii)
    part = "hair" if label in ("hair", "background") else "head"
    return blob(head, (x, y, z), (a, b, c), Stuff(LABELS[label], material, part))


def _bar(
    head: Frame,
    s: float,
    start: _Place,
    end: _Place,
    radii: tuple[float, float],
    label: str,
    material: Material,
) -> Solid:
    a, b = head.point(*(s * v for v in start)), head.point(*(s * v for v in end))
    part = "hair" if label in ("hair", "background") else "head"
    return limb(a, b, (s * radii[0], s * radii[1]), Stuff(LABELS[label], material, part))


def _features(person: Person, outfit: Outfit, head: Frame, s: float) -> list[Solid]:
    white, dark = (
        Material(colour=(0.75, 0.73, 0.70), gloss=0.3),
        Material(colour=(0.03, 0.02, 0.015), gloss=0.3),
    )
    lips = Material(colour=colours.blend(person.skin, (0.5, 0.08, 0.08), 0.45), gloss=0.1)
    brow = Material(colour=colours.shade(person.hair, 0.8))
    solids = [
        _bar(head, s, (0, 0.015, 0.086), (0, -0.024, 0.106), (0.009, 0.015), "skin", outfit.skin),
        _blob(head, s, (0, -0.058, 0.079), (0.023, 0.0075, 0.008), "face", lips),
    ]
    for side in (-1, 1):
        solids += [
            _blob(head, s, (side * 0.031, 0.016, 0.077), (0.0155, 0.0085, 0.010), "face", white),
            _blob(head, s, (side * 0.030, 0.016, 0.083), (0.0065, 0.0075, 0.0055), "face", dark),
            _bar(
                head,
                s,
                (side * 0.015, 0.039, 0.084),
                (side * 0.046, 0.037, 0.072),
                (0.0055, 0.004),
                "face",
                brow,
            ),
            _blob(head, s, (side * 0.076, 0.0, -0.005), (0.011, 0.030, 0.018), "skin", outfit.skin),
        ]
    if person.beard:
        hair = _hair_material(person)
        solids += [
            _blob(head, s, (0, -0.075, 0.018), (0.060, 0.050, 0.064), "hair", hair),
            _bar(head, s, (-0.024, -0.041, 0.078), (0.024, -0.041, 0.078), (0.008, 0.008), "hair", hair),
        ]
    if person.glasses:
        solids += _glasses(head, s)
    return solids


def _glasses(head: Frame, s: float) -> list[Solid]:
    frame = Material(colour=(0.02, 0.02, 0.02), gloss=0.4)
    solids = [_bar(head, s, (-0.012, 0.02, 0.094), (0.012, 0.02, 0.094), (0.003, 0.003), "background", frame)]
    for side in (-1, 1):
        ring = [
            (side * (0.033 + 0.021 * np.cos(a)), 0.014 + 0.019 * np.sin(a), 0.092 - 0.010 * np.cos(a))
            for a in np.linspace(0, 2 * np.pi, 6)
        ]
        for a, b in pairwise(ring):
            solids.append(_bar(head, s, a, b, (0.0028, 0.0028), "background", frame))
        temple = (side * 0.054, 0.02, 0.084)
        solids.append(_bar(head, s, temple, (side * 0.08, 0.02, 0.0), (0.003, 0.003), "background", frame))
    return solids


def _hair_material(person: Person) -> Material:
    return Material(
        colour=person.hair,
        second=colours.shade(person.hair, 2.2),
        pattern="mottled",
        tile=0.08,
        bump=0.5,
        fold=0.10,
        gloss=0.2,
    )


def _hair(person: Person, head: Frame, trunk: Frame, s: float) -> list[Solid]:
    hair, cut = _hair_material(person), person.haircut
    if cut == "cap":
        return _cap(person, head, s)
    volume = 1.14 if cut == "curly" else 1.0
    solids = [
        _blob(
            head,
            s,
            (0, 0.030 * volume, -0.024),
            (0.082 * volume, 0.102 * volume, 0.095 * volume),
            "hair",
            hair,
        )
    ]
    if cut in ("fringe", "long", "tail", "bun"):
        solids.append(_blob(head, s, (0.012, 0.082, 0.040), (0.066, 0.036, 0.046), "hair", hair))
    if cut == "bun":
        solids.append(_blob(head, s, (0, 0.125, -0.055), (0.038, 0.034, 0.038), "hair", hair))
    if cut == "tail":
        solids += _tail(person, head, trunk, s, hair)
    if cut in ("fringe", "long"):
        solids += _strands(person, head, trunk, s, hair, length=0.33 if cut == "long" else 0.05)
    return solids


def _cap(person: Person, head: Frame, s: float) -> list[Solid]:
    cloth = Material(colour=colours.blend(person.hair, (0.2, 0.2, 0.5), 0.6), pattern="weave", gloss=0.03)
    return [
        _blob(head, s, (0, 0.0, -0.024), (0.080, 0.085, 0.085), "hair", _hair_material(person)),
        _blob(head, s, (0, 0.062, -0.012), (0.084, 0.070, 0.098), "background", cloth),
        _blob(head, s, (0, 0.064, 0.090), (0.060, 0.010, 0.060), "background", cloth),
    ]


def _tail(person: Person, head: Frame, trunk: Frame, s: float, hair: Material) -> list[Solid]:
    """A tail that falls over the shoulder on the door side, onto the chest."""
    knot, bend = head.point(-0.03 * s, 0.0, -0.10 * s), trunk.point(-0.085 * s, 0.52 * s, 0.05 * s)
    end = trunk.point(-0.085 * s, 0.33 * s, (0.045 + 0.105 * person.girth) * s)
    return [
        limb(knot, bend, (0.03 * s, 0.032 * s), Stuff(LABELS["hair"], hair, "hair")),
        limb(bend, end, (0.032 * s, 0.014 * s), Stuff(LABELS["hair"], hair, "hair")),
    ]


def _strands(person: Person, head: Frame, trunk: Frame, s: float, hair: Material, *, length: float) -> list[Solid]:
    """Hair at both sides of the face, over the shoulders and, when long, down the chest."""
    solids = []
    for side in (-1, 1):
        top = head.point(side * 0.068 * s, 0.04 * s, -0.02 * s)
        jaw = head.point(side * 0.080 * s, -0.085 * s, -0.005 * s)
        solids.append(limb(top, jaw, (0.034 * s, 0.030 * s), Stuff(LABELS["hair"], hair, "hair")))
        if length > 0.1:
            low = trunk.point(side * 0.105 * s, (0.62 - length) * s, (0.04 + 0.105 * person.girth) * s)
            middle = trunk.point(side * 0.095 * s, 0.48 * s, 0.085 * s)
            solids.append(limb(jaw, middle, (0.03 * s, 0.036 * s), Stuff(LABELS["hair"], hair, "hair")))
            solids.append(limb(middle, low, (0.036 * s, 0.014 * s), Stuff(LABELS["hair"], hair, "hair")))
    return solids
