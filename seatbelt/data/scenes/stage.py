"""The stage: all objects before the camera, and the hit of each ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.raycast import View, cast
from seatbelt.data.scenes.geometry.ribbon import Ribbon, RibbonHits, cast_ribbons
from seatbelt.data.scenes.geometry.solids import Floats, Solid
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.lens import draw_view
from seatbelt.data.scenes.objects.belts import Belt, build_belt, draw_belt
from seatbelt.data.scenes.objects.bodies import Body, build_body
from seatbelt.data.scenes.objects.cabin import Interior, cabin_solids, draw_interior, hardware
from seatbelt.data.scenes.objects.lights import Light, draw_light
from seatbelt.data.scenes.objects.people import Outfit, Person, Pose, draw_outfit, draw_person, draw_pose
from seatbelt.data.scenes.objects.room import room_exit, room_label
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.streams import Streams

FINENESS = 2
"""Rays per pixel along each edge."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """All objects before the camera."""

    solids: tuple[Solid, ...]
    ribbons: tuple[Ribbon, ...]
    view: View
    """Rays of the fine grid, `FINENESS` per pixel along each edge."""
    belt: Belt
    light: Light
    interior: Interior


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A scene before it is traced; `subject`, `test` and `facts` as in `Scene`."""

    stage: Stage
    subject: str
    test: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Traced:
    """The hits of n rays."""

    number: npt.NDArray[np.int16]
    """(n,) index of the solid; the number of solids for webbing; -1 for the walls of the room."""
    labels: npt.NDArray[np.uint8]
    """(n,) class index."""
    distance: npt.NDArray[np.float32]
    """(n,) ray parameter."""
    points: Floats
    """(3, n) world."""
    directions: Floats
    """(3, n) not of unit length."""
    strap: RibbonHits
    """All webbing before the eye, hidden or not."""


def set_stage(parameters: SceneParameters, streams: Streams, width: int, height: int) -> Staged:
    """Draw and build a scene."""
    number, test = parameters.person_of(streams.index)
    belt, pose = draw_belt(parameters, streams), draw_pose(parameters, streams)
    interior = draw_interior(parameters, streams, belt.colour)
    light = draw_light(parameters, streams)
    person = draw_person(parameters, streams, number)
    outfit = draw_outfit(parameters, streams, number, person)
    body: Body | None = None
    if belt.occupied:
        body = build_body(person, outfit, pose, face=parameters.faces, clothes=parameters.clothes)
    solids = [*(body.solids if body else ()), *cabin_solids(interior, detail=parameters.textures)]
    solids += hardware(in_use=belt.placement != "none")
    stage = Stage(
        solids=tuple(solids),
        ribbons=tuple(build_belt(belt, body, follows=parameters.belt_follows_body)),
        view=draw_view(parameters, streams, width * FINENESS, height * FINENESS),
        belt=belt,
        light=light,
        interior=interior,
    )
    subject = f"{parameters.prefix}-p{number:0{3 if parameters.persons > 20 else 2}d}"
    return Staged(stage=stage, subject=subject, test=test, facts=_facts(stage, pose, person, outfit))


def trace(stage: Stage) -> Traced:
    """The hit of every ray of the fine grid."""
    view = stage.view
    hits = cast(stage.solids, view)
    distance, number = hits.distance.reshape(-1), hits.solid.reshape(-1)
    strap = cast_ribbons(stage.ribbons, view)
    seen = strap.distance < distance[strap.pixel]
    webbing = strap.pixel[seen]
    distance[webbing], number[webbing] = strap.distance[seen], len(stage.solids)
    start, directions = view.rays((0, 0, view.width, view.height))
    wall = np.flatnonzero(number < 0)
    distance[wall] = room_exit(start, directions[:, wall])
    points = start + distance * directions
    table = np.array([*(solid.label for solid in stage.solids), LABELS["seat_belt"], 0], dtype=np.uint8)
    labels = table[number]
    labels[wall] = room_label(points[:, wall])
    return Traced(number=number, labels=labels, distance=distance, points=points, directions=directions, strap=strap)


def _facts(stage: Stage, pose: Pose, person: Person, outfit: Outfit) -> dict[str, Any]:
    belt, light = stage.belt, stage.light
    return {
        "occupied": belt.occupied,
        "belt_placement": belt.placement,
        "belt_stowed": belt.stowed,
        "belt_colour": belt.colour,
        "belt_slack_m": belt.slack,
        "arms": pose.arms if belt.occupied else "none",
        "yaw_deg": pose.yaw,
        "lean_deg": pose.lean,
        "head_yaw_deg": pose.head_yaw,
        "seat_colour": stage.interior.seat.colour,
        "trim_colour": stage.interior.trim.colour,
        "shirt_colour": outfit.shirt.colour,
        "pants_colour": outfit.pants.colour,
        "skin_colour": outfit.skin.colour,
        "shirt_pattern": outfit.shirt.pattern,
        "sleeves": outfit.sleeves,
        "haircut": person.haircut,
        "light_azimuth_deg": light.azimuth,
        "light_elevation_deg": light.elevation,
        "light_stops": light.stops,
        "light_kelvin": light.kelvin,
    }
