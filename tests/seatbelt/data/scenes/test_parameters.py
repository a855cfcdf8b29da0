from dataclasses import fields, replace

import pytest

from seatbelt.data.scenes import GENERATIONS, LABELS, SceneParameters


def test_a_wrong_share_is_refused_with_its_name_and_value() -> None:
    with pytest.raises(ValueError, match="unbelted_share must be between 0 and 1, but got unbelted_share=2"):
        SceneParameters(name="x", unbelted_share=2)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "a b", "name must consist of"),
        ("name", "", "name must consist of"),
        ("persons", 0, "persons must be at least 1"),
        ("outfits", -1, "outfits must not be negative"),
        ("rotation_range", -3, "rotation_range must be finite and not negative"),
        ("rotation_range", float("nan"), "rotation_range must be finite and not negative"),
        ("empty_share", float("nan"), "empty_share must be between 0 and 1"),
        ("vignette", 1.5, "vignette must be between 0 and 1"),
        ("jpeg_quality", 101, "jpeg_quality must be between 0 and 100"),
        ("belt_colours", "pink", "belt_colours must be one of few, many"),
        ("domain", "imaginary", "domain must be one of synthetic, real"),
        ("test_share", 0.5, "test_share needs test_persons"),
    ],
)
def test_wrong_values_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SceneParameters(name="x"), **{field: value})


def test_placements_cannot_exceed_all_of_the_belted() -> None:
    with pytest.raises(ValueError, match="must be at most 1"):
        SceneParameters(name="x", under_arm_share=0.5, off_shoulder_share=0.4, lap_only_share=0.2)


def test_there_are_thirteen_labels_and_the_belt_is_the_first() -> None:
    assert len(LABELS) == 14
    assert list(LABELS.values()) == list(range(14))
    assert LABELS["background"] == 0
    assert LABELS["seat_belt"] == 1
    assert {"shirt", "pants", "skin", "hair"} < set(LABELS)


def test_generations_have_distinct_names() -> None:
    assert list(GENERATIONS) == ["1", "2", "3", "4", "5", "6", "randomized", "free", "camera"]
    assert all(parameters.name == name for name, parameters in GENERATIONS.items())


def changed(old: str, new: str) -> set[str]:
    a, b = GENERATIONS[old], GENERATIONS[new]
    return {f.name for f in fields(a) if getattr(a, f.name) != getattr(b, f.name)} - {"name"}


def test_each_generation_adds_what_the_thesis_says() -> None:
    assert changed("1", "2") == {"belt_follows_body", "belt_slack_range"}
    assert changed("2", "3") >= {"interior_colours", "unbelted_share", "empty_share", "occupant_colours"}
    assert not {"shadows", "clothes", "belt_colours"} & changed("2", "3")
    assert changed("3", "4") == {
        "shadows",
        "light_angle_range",
        "light_intensity_range",
        "light_temperature_range",
    }
    assert changed("4", "5") == {"belt_colours"}
    assert changed("5", "6") >= {"persons", "clothes", "faces", "hair"}
    assert changed("6", "randomized") == {"cut_out", "distractors", "flying_belt_share"}


@pytest.mark.parametrize(("images", "train", "test"), [(11, 7, 4), (12, 8, 4), (100, 61, 39), (563, 341, 222)])
def test_the_stand_in_keeps_the_proportion_of_the_thesis(images: int, train: int, test: int) -> None:
    persons = [GENERATIONS["camera"].person_of(index) for index in range(images)]
    assert sum(not tested for _, tested in persons) == train
    assert sum(tested for _, tested in persons) == test
    assert {number for number, tested in persons if not tested} == set(range(7))
    assert {number for number, tested in persons if tested} == set(range(7, 11))
