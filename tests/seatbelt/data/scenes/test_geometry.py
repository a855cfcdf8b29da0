"""The traced picture against a second, slower computation of what a ray meets."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.data.scenes import GENERATIONS, LABELS
from seatbelt.data.scenes.geometry.raycast import cast
from seatbelt.data.scenes.geometry.ribbon import cast_ribbons
from seatbelt.data.scenes.geometry.solids import Solid
from seatbelt.data.scenes.stage import Staged, set_stage, trace
from seatbelt.data.scenes.streams import Streams

Points = npt.NDArray[Any]
STEP = 0.003


def contains(solid: Solid, points: Points) -> npt.NDArray[np.bool_]:
    """Whether points (3, n) lie in a solid, from its definition and not from its intersection with a ray."""
    x, y, z = np.linalg.solve(solid.axes, points - solid.origin[:, None])
    if solid.shape == "ellipsoid":
        return np.asarray(x * x + y * y + z * z < 1)
    if solid.shape == "box":
        return np.asarray((np.abs(x) < 1) & (np.abs(y) < 1) & (np.abs(z) < 1))
    # The hull of two balls is the union of all balls between them: the best centre is found in closed form.
    first, second = solid.radii
    around = np.hypot(x, z)
    slope = (second - first) / solid.height
    best = np.clip(y + around * slope / np.sqrt(1 - slope * slope), 0, solid.height)
    return np.asarray(np.hypot(around, y - best) < first + slope * best)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True)
@given(name=st.sampled_from(["1", "3", "6", "camera"]), index=st.integers(0, 500))
def test_every_label_is_that_of_the_first_thing_along_the_ray(name: str, index: int) -> None:
    parameters = GENERATIONS[name]
    stage = set_stage(parameters, Streams(name=name, index=index, seed=7), 48, 27).stage
    traced = trace(stage)
    rng = np.random.default_rng(index)
    rays = rng.choice(len(traced.labels), 60, replace=False)
    direction = traced.directions[:, rays].astype(float)
    reach = traced.distance[rays].astype(float)
    steps = np.arange(0.05, float(reach.max()), STEP)
    points = stage.view.position[:, None, None] + direction[:, :, None] * steps
    before = steps < reach[:, None] - 2 * STEP
    behind = stage.view.position[:, None] + direction * (reach + 1e-4)
    for number, solid in enumerate(stage.solids):
        inside = contains(solid, points.reshape(3, -1)).reshape(before.shape)
        assert not (inside & before).any(), f"{solid.part} {number} hides what the picture shows"
        mine = traced.number[rays] == number
        surface = contains(solid, stage.view.position[:, None] + direction * (reach + 2e-3))
        grazing = contains(solid, behind) | surface
        assert (traced.labels[rays][mine] == solid.label).all()
        # A ray that only grazes a solid is in it for less than the distance that rounding allows to test.
        assert grazing[mine].mean() > 0.8 if mine.sum() > 4 else True


@pytest.mark.parametrize(("name", "index"), [("2", 1), ("2", 3), ("5", 1), ("6", 0), ("6", 5)])
def test_belts_are_where_their_webbing_projects_to(name: str, index: int, staged: Callable[..., Staged]) -> None:
    stage = staged(name, index).stage
    view, traced = stage.view, trace(stage)
    shape = (view.height, view.width)
    drawn = np.zeros(shape, dtype=np.uint8)
    for ribbon in stage.ribbons:
        pixels, _ = view.project(ribbon.points.reshape(-1, 3))
        grid = pixels.reshape(*ribbon.points.shape[:2], 2)
        for row in range(len(grid) - 1):
            corners = np.concatenate([grid[row], grid[row + 1][::-1]])
            cv2.fillPoly(drawn, [np.rint(corners - 0.5).astype(np.int32)], 1)
    labelled = (traced.labels == LABELS["seat_belt"]).reshape(shape)
    assert labelled.any()
    assert not (labelled & (cv2.dilate(drawn, np.ones((3, 3))) == 0)).any()
    hits = cast(stage.solids, view)
    strap = cast_ribbons(stage.ribbons, view)
    inner = cv2.erode(drawn, np.ones((3, 3))).reshape(-1) == 1
    assert np.isin(np.flatnonzero(inner), strap.pixel).mean() > 0.98
    hidden = hits.distance.reshape(-1)[strap.pixel] <= strap.distance
    assert np.array_equal(np.sort(strap.pixel[~hidden]), np.flatnonzero(labelled.reshape(-1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2", "6", "camera"])
def test_the_belt_never_lies_under_an_arm_or_hair_in_the_mask(name: str, staged: Callable[..., Staged]) -> None:
    hiding = 0
    for index in range(16):
        stage = staged(name, index).stage
        over = [solid for solid in stage.solids if solid.part in ("arm", "hair")]
        traced = trace(stage)
        nearest = cast(over, stage.view).distance.reshape(-1)
        belt = traced.labels == LABELS["seat_belt"]
        assert (nearest[belt] >= traced.distance[belt]).all()
        strap = cast_ribbons(stage.ribbons, stage.view)
        hiding += int((nearest[strap.pixel] < strap.distance).sum())
    assert hiding > 100, "no arm lay before a belt: the test has seen nothing"


@pytest.mark.parametrize("name", ["2", "3", "6"])
def test_draped_belts_lie_on_the_body(name: str, staged: Callable[..., Staged]) -> None:
    """The diagonal strap is neither inside the trunk nor far from it where it crosses the chest."""
    checked = 0
    for index in range(16):
        scene = staged(name, index)
        if scene.facts["belt_placement"] != "correct":
            continue
        checked += 1
        trunk = [solid for solid in scene.stage.solids if solid.part == "trunk"]
        strap = scene.stage.ribbons[-1].points
        chest = strap[len(strap) // 3 : 2 * len(strap) // 3].reshape(-1, 3)
        inside = np.any([contains(solid, chest.T) for solid in trunk], axis=0)
        assert inside.mean() < 0.1
        back = chest - np.array([0.0, 0.0, 0.05 + scene.facts["belt_slack_m"] * 1.5])
        touching = np.any([contains(solid, back.T) for solid in trunk], axis=0)
        assert touching.mean() > 0.7
    assert checked > 4


@pytest.mark.parametrize("name", ["1", "3", "6", "camera"])
def test_heads_are_inside_the_picture(name: str, staged: Callable[..., Staged]) -> None:
    turn = np.linspace(0, 2 * np.pi, 24)
    ring = np.stack([np.cos(turn), np.sin(turn), np.zeros(24)])
    for index in range(40):
        scene = staged(name, index, width=212, height=120)
        view = scene.stage.view
        for solid in scene.stage.solids:
            if solid.part != "head":
                continue
            points = (solid.origin[:, None] + solid.axes @ ring).T if solid.shape == "ellipsoid" else solid.corners
            pixels, _ = view.project(points)
            assert pixels.min() >= 0, f"{index}: {scene.facts}"
            assert (pixels <= [view.width, view.height]).all()
