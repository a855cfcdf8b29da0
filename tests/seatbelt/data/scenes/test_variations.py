"""One variable at a time: what a field changes, and that it changes nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatbelt.data.scenes import GENERATIONS, SceneParameters, render
from seatbelt.data.scenes.stage import Staged

LIGHT = {"light_azimuth_deg", "light_elevation_deg"}
BELT = {"belt_placement", "belt_stowed"}

FIELDS: list[tuple[str, object, set[str]]] = [
    ("under_arm_share", 1.0, {"belt_placement"}),
    ("off_shoulder_share", 1.0, {"belt_placement"}),
    ("lap_only_share", 1.0, {"belt_placement"}),
    ("unbelted_share", 1.0, BELT),
    ("empty_share", 1.0, BELT | {"occupied", "arms"}),
    ("belt_follows_body", False, set()),
    ("belt_slack_range", 0.05, {"belt_slack_m"}),
    ("arms_over_belt_share", 1.0, {"arms"}),
    ("arm_poses", True, {"arms"}),
    ("rotation_range", 30.0, {"yaw_deg"}),
    ("lean_range", 9.0, {"lean_deg"}),
    ("head_range", 30.0, {"head_yaw_deg"}),
    ("shadows", True, set()),
    ("light_angle_range", 90.0, LIGHT),
    ("light_intensity_range", 1.0, {"light_stops"}),
    ("light_temperature_range", 2000.0, {"light_kelvin"}),
    ("interior_colours", "many", {"seat_colour", "trim_colour"}),
    ("interior_like_belt_share", 1.0, {"seat_colour"}),
    ("belt_colours", "many", {"belt_colour"}),
    ("occupant_colours", "several", {"shirt_colour", "pants_colour", "skin_colour", "sleeves"}),
    ("hair", True, {"haircut"}),
    ("bodies", "other", set()),
    ("faces", True, set()),
    ("textures", True, set()),
    ("camera_shift_range", 0.05, set()),
    ("viewpoint_range", 30.0, set()),
    ("closeness_range", 1.0, set()),
    ("mirrored_share", 1.0, set()),
    ("distortion_range", 0.1, set()),
    ("vignette", 0.5, set()),
    ("white_balance_range", 0.2, set()),
    ("motion_blur_range", 0.3, set()),
    ("sensor_noise", 0.05, set()),
    ("jpeg_quality", 40, set()),
]
SAME_MASK = {
    "belt_colours",
    "interior_colours",
    "interior_like_belt_share",
    "jpeg_quality",
    "light_angle_range",
    "light_intensity_range",
    "light_temperature_range",
    "motion_blur_range",
    "sensor_noise",
    "shadows",
    "vignette",
    "white_balance_range",
}


@pytest.mark.parametrize(("field", "value", "touched"), FIELDS, ids=[field for field, _, _ in FIELDS])
def test_a_field_changes_only_its_facts(
    field: str, value: object, touched: set[str], staged: Callable[..., Staged]
) -> None:
    plain = SceneParameters(name="plain")
    one = replace(plain, **{field: value})
    changed: set[str] = set()
    for index in range(5):
        before, after = staged(plain, index).facts, staged(one, index).facts
        changed |= {key for key in before if before[key] != after[key]}
    assert changed <= touched
    assert changed or not touched


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, v, _ in FIELDS], ids=[f for f, _, _ in FIELDS])
def test_a_field_changes_the_picture_and_only_geometry_changes_the_mask(field: str, value: object) -> None:
    plain = SceneParameters(name="plain")
    one = replace(plain, **{field: value})
    size: dict[str, Any] = {"seed": 0, "width": 64, "height": 36}
    pairs = [(render(plain, index=i, **size), render(one, index=i, **size)) for i in (2, 3)]
    assert any(not np.array_equal(a.image, b.image) for a, b in pairs)
    if field in SAME_MASK:
        assert all(np.array_equal(a.mask, b.mask) for a, b in pairs)


def test_a_mirrored_picture_is_the_plain_one_from_right_to_left() -> None:
    plain = SceneParameters(name="plain")
    size: dict[str, Any] = {"index": 1, "seed": 0, "width": 64, "height": 36}
    before, after = render(plain, **size), render(replace(plain, mirrored_share=1.0), **size)
    assert np.array_equal(after.mask, before.mask[:, ::-1])
    assert np.array_equal(after.image, before.image[:, ::-1])


@pytest.mark.slow
def test_close_pictures_show_a_wider_belt() -> None:
    plain = SceneParameters(name="plain")
    close = replace(plain, closeness_range=1.3)
    size: dict[str, Any] = {"seed": 0, "width": 64, "height": 36}
    shares = [
        np.mean([(render(parameters, index=i, **size).mask == 1).mean() for i in range(12)])
        for parameters in (plain, close)
    ]
    assert shares[1] > 1.4 * shares[0]


@pytest.mark.parametrize("name", ["1", "2"])
def test_the_first_two_generations_have_neither_unbelted_nor_empty_seats(
    name: str, staged: Callable[..., Staged]
) -> None:
    for index in range(40):
        facts = staged(name, index).facts
        assert facts["occupied"]
        assert facts["belt_placement"] in ("correct", "under_arm", "off_shoulder")


def test_the_third_generation_has_both_and_several_colours_per_occupant(
    staged: Callable[..., Staged],
) -> None:
    facts = [staged("3", index).facts for index in range(60)]
    assert 0.01 < np.mean([not f["occupied"] for f in facts]) < 0.25
    assert 0.05 < np.mean([f["occupied"] and f["belt_placement"] == "none" for f in facts]) < 0.35
    assert all(f["shirt_colour"] != f["skin_colour"] for f in facts)


def test_occupants_of_the_first_generation_are_of_one_colour(staged: Callable[..., Staged]) -> None:
    for index in range(20):
        facts = staged("1", index).facts
        assert facts["shirt_colour"] == facts["pants_colour"] == facts["skin_colour"]


def test_light_varies_from_the_fourth_generation_on(staged: Callable[..., Staged]) -> None:
    def lights(name: str) -> set[tuple[float, float, float]]:
        facts = [staged(name, index).facts for index in range(5)]
        return {(f["light_azimuth_deg"], f["light_stops"], f["light_kelvin"]) for f in facts}

    assert [len(lights(name)) for name in ("1", "2", "3")] == [1, 1, 1]
    assert [len(lights(name)) for name in ("4", "5", "6")] == [5, 5, 5]


def test_the_fifth_generation_has_belts_that_the_fourth_has_not(staged: Callable[..., Staged]) -> None:
    def saturation(name: str) -> float:
        belts = [staged(name, index).facts["belt_colour"] for index in range(40)]
        return max(float(1 - min(belt) / max(belt)) for belt in belts)

    assert saturation("4") < 0.7 < saturation("5")


def test_the_sixth_generation_has_exactly_four_persons(staged: Callable[..., Staged]) -> None:
    assert {staged("6", index).subject for index in range(12)} == {f"g6-p{n:02d}" for n in range(4)}
    assert {GENERATIONS["6"].person_of(index)[0] for index in range(1000)} == set(range(4))
    assert {GENERATIONS["5"].person_of(index)[0] for index in range(1000)} == set(range(40))


def test_a_person_keeps_the_body_and_the_face(staged: Callable[..., Staged]) -> None:
    first, later = staged("6", 1).facts, staged("6", 41).facts
    assert first["skin_colour"] == later["skin_colour"]
    assert first["haircut"] == later["haircut"]
    assert first["shirt_colour"] != later["shirt_colour"]
