"""Unity Perception SOLO: as Unity writes it, with everything that may be missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import draw_solo, drawn_mask, masks_of, rewrite

BELT = ImportOptions(target="seat_belt")
# Sorted: hair 1, seat_belt 2; the drawn masks have them the other way round.
SORTED = np.array([0, 2, 1], np.uint8)


def test_masks_classes_and_subjects_are_those_drawn(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=2, steps=2, cameras=("front", "side"))
    report = import_data("solo", source, tmp_path / "out", BELT)
    masks = masks_of(tmp_path / "out")
    assert list(masks) == [
        "sequence.0/step0.front.png",
        "sequence.0/step0.side.jpg",
        "sequence.0/step1.front.png",
        "sequence.0/step1.side.jpg",
        "sequence.1/step0.front.png",
        "sequence.1/step0.side.jpg",
        "sequence.1/step1.front.png",
        "sequence.1/step1.side.jpg",
    ]
    for number, mask in enumerate(masks.values()):
        assert np.array_equal(mask, SORTED[drawn_mask(number)]), number
    dataset = read(tmp_path / "out")
    assert dataset.classes == {"background": 0, "hair": 1, "seat_belt": 2}
    assert {row.domain for row in dataset.rows} == {"synthetic"}
    assert [row.subject for row in dataset.rows] == ["sequence.0"] * 4 + ["sequence.1"] * 4
    assert report.images == 8 and report.notices() == []
    assert report.images_of == {"background": 8, "hair": 7, "seat_belt": 6}


def test_a_label_that_the_first_frame_lacks_gets_the_same_number(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=3, steps=1)
    import_data("solo", source, tmp_path / "forward", BELT)
    # The same frames in another order.
    for old, new in (("sequence.0", "sequence.9"), ("sequence.2", "sequence.0")):
        (source / old).rename(source / new)
    import_data("solo", source, tmp_path / "backward", BELT)
    assert read(tmp_path / "forward").classes == read(tmp_path / "backward").classes
    forward, backward = masks_of(tmp_path / "forward"), masks_of(tmp_path / "backward")
    assert np.array_equal(forward["sequence.0/step0.front.png"], backward["sequence.9/step0.front.png"])


def test_images_are_copied_byte_for_byte(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo")
    import_data("solo", source, tmp_path / "out", BELT)
    for name in masks_of(tmp_path / "out"):
        assert (tmp_path / "out" / "images" / name).read_bytes() == (source / name).read_bytes()


def test_sequences_and_steps_come_in_their_order(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=11, steps=1)
    import_data("solo", source, tmp_path / "out", BELT)
    assert [row.subject for row in read(tmp_path / "out").rows] == [f"sequence.{i}" for i in range(11)]


def test_filename_null_and_cameras_without_segmentation_are_skipped_and_reported(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=2, steps=2, cameras=("front", "side", "depth"))
    frame = source / "sequence.0" / "step0.frame_data.json"
    rewrite(frame, lambda raw: raw["captures"][0].update(filename=None))
    rewrite(frame, lambda raw: raw["captures"][1].update(annotations=[]))
    rewrite(frame, lambda raw: raw["captures"][2].update({"@type": "type.unity.com/unity.solo.Lidar"}))
    other = source / "sequence.0" / "step1.frame_data.json"
    rewrite(other, lambda raw: raw["captures"][1]["annotations"][1].update(filename=None))
    report = import_data("solo", source, tmp_path / "out", BELT)
    assert report.images == 8
    assert report.notices() == [
        "left out, captures of other sensors than RGB cameras: 1",
        "left out, captures without a semantic segmentation: 2",
        "left out, captures without an image (filename is null): 1",
    ]


def test_unknown_colours_are_counted_and_reported(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=2, steps=1)
    mask = source / "sequence.0" / "step0.front.semantic segmentation.png"
    pixels = np.array(Image.open(mask))
    pixels[5, :3] = (9, 8, 7, 255)
    Image.fromarray(pixels).save(mask)
    with pytest.raises(UserError, match="annotations would be lost: unknown colour 9,8,7: 3 pixels in 1 image"):
        import_data("solo", source, tmp_path / "out", ImportOptions(target="hair"))
    report = import_data("solo", source, tmp_path / "out", ImportOptions(target="hair", accept_losses=True))
    assert "unknown colour 9,8,7: 3 pixels in 1 image became background" in report.notices()
    assert (masks_of(tmp_path / "out")["sequence.0/step0.front.png"][5] == 0).all()


def test_labels_without_a_class_become_background_and_are_reported(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=1, steps=3)
    places = Places(classes={"background": 0, "seat_belt": 5})
    report = import_data("solo", source, tmp_path / "out", ImportOptions(places=places))
    assert report.notices() == ["label hair is none of the classes: 14 pixels in 2 images became background"]
    expected = np.array([0, 5, 0], np.uint8)[drawn_mask(2)]
    assert np.array_equal(masks_of(tmp_path / "out")["sequence.0/step2.front.png"], expected)


def test_a_class_without_images_is_reported(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo")
    places = Places(classes={"background": 0, "seatbelt": 1, "hair": 2})
    options = ImportOptions(places=places, target="seatbelt")
    with pytest.raises(
        UserError, match="none of the 4 images shows the target seatbelt; is its name that of the source"
    ):
        import_data("solo", source, tmp_path / "out", options)
    report = import_data("solo", source, tmp_path / "out", dataclasses.replace(options, accept_no_target=True))
    assert report.notices()[-1] == "no image shows seatbelt; are the names of the classes those of the source?"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../secret.png", r"the file name '\.\./secret\.png' leaves its folder"),
        ("/etc/hosts", "the file name '/etc/hosts' leaves its folder"),
        ("link.png", "the file name 'link.png' leaves its folder over a symbolic link"),
        ("a\\b.png", "holds a backslash"),
        ("C:/a.png", "leaves its folder"),
        (7, "7 is no file name"),
        ("a\nb.png", "is no file name"),
        ("x" * 300, "is too long"),
        ("gone.png", r"sequence\.0/gone\.png: the file is missing"),
    ],
)
@pytest.mark.parametrize("part", ["image", "mask"])
def test_names_may_not_leave_the_source(tmp_path: Path, name: object, what: str, part: str) -> None:
    source = draw_solo(tmp_path / "solo")
    drawn = source / "sequence.0" / "step0.front.png"
    (tmp_path / "secret.png").write_bytes(drawn.read_bytes())
    (source / "secret.png").write_bytes(drawn.read_bytes())
    (source / "sequence.0" / "link.png").symlink_to(tmp_path / "secret.png")

    def change(raw: dict) -> None:  # type: ignore[type-arg]
        target = raw["captures"][0] if part == "image" else raw["captures"][0]["annotations"][1]
        target["filename"] = name

    rewrite(source / "sequence.0" / "step0.frame_data.json", change)
    with pytest.raises(UserError, match=what):
        import_data("solo", source, tmp_path / "out", BELT)
    assert not (tmp_path / "out").exists()


def test_two_labels_of_one_colour_are_refused(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo", sequences=1, steps=3)

    def change(raw: dict) -> None:  # type: ignore[type-arg]
        for instance in raw["captures"][0]["annotations"][1]["instances"]:
            instance["pixelValue"] = [1, 2, 3, 255]

    rewrite(source / "sequence.0" / "step2.frame_data.json", change)
    with pytest.raises(UserError, match=r"step2\.frame_data\.json: hair and seat_belt share the colour \(1, 2, 3\)"):
        import_data("solo", source, tmp_path / "out", ImportOptions(target="hair"))


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo")
    mask = source / "sequence.1" / "step0.front.semantic segmentation.png"
    Image.open(mask).resize((6, 10)).save(mask)
    with pytest.raises(UserError, match=r"step0\.front\.png: the mask is 6x10, but its image 10x6"):
        import_data("solo", source, tmp_path / "out", BELT)


def test_the_folder_above_is_pointed_out(tmp_path: Path) -> None:
    draw_solo(tmp_path / "renders" / "solo")
    with pytest.raises(UserError, match=r"holds no folder sequence\.N; is it .*/renders/solo\?"):
        import_data("solo", tmp_path / "renders", tmp_path / "out", BELT)


def test_steps_without_a_frame_file_are_reported(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo")
    (source / "sequence.0" / "step1.frame_data.json").unlink()
    with pytest.raises(
        UserError, match="annotations would be lost: left out, images or masks of steps without a frame"
    ):
        import_data("solo", source, tmp_path / "out", BELT)
    report = import_data("solo", source, tmp_path / "out", dataclasses.replace(BELT, accept_losses=True))
    assert report.notices() == ["left out, images or masks of steps without a frame file (step*frame*.json): 2"]


def test_generation_and_domain_are_the_users(tmp_path: Path) -> None:
    rules = Rules(generation="7", domain="real", subject_pattern=r"step(?P<subject>\d)")
    import_data("solo", draw_solo(tmp_path / "solo"), tmp_path / "out", ImportOptions(target="hair", rules=rules))
    rows = read(tmp_path / "out").rows
    assert {(row.domain, row.generation) for row in rows} == {("real", "7")}
    assert [row.subject for row in rows] == ["0", "1", "0", "1"]


def test_a_black_label_is_refused(tmp_path: Path) -> None:
    source = draw_solo(tmp_path / "solo")

    def change(raw: dict) -> None:  # type: ignore[type-arg]
        raw["captures"][0]["annotations"][1]["instances"][0]["pixelValue"] = [0, 0, 0, 255]

    rewrite(source / "sequence.0" / "step0.frame_data.json", change)
    with pytest.raises(UserError, match="hair is black, the colour of pixels without a label"):
        import_data("solo", source, tmp_path / "out", BELT)
