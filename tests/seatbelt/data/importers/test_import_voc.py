"""CVAT and VOC masks: colours, palettes, grey numbers, the label map and the lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, import_data
from seatbelt.data.importers.formats.labelmap import read_label_map, voc_colour
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import draw_voc, drawn_mask, masks_of

OPTIONS = ImportOptions(places=Places(classes={"background": 0, "seat_belt": 1, "hair": 2}))
LENIENT = ImportOptions(places=OPTIONS.places, accept_losses=True, accept_no_target=True)


@pytest.mark.parametrize("lists", [True, False])
def test_masks_are_those_drawn(tmp_path: Path, lists: bool) -> None:
    report = import_data("voc", draw_voc(tmp_path / "voc", images=6, lists=lists), tmp_path / "out", OPTIONS)
    masks = masks_of(tmp_path / "out")
    assert sorted(masks) == ["p0_a.png", "p1_a.jpg", "p2_a.png", "p3_a.jpg", "p4_a.png", "p5_a.jpg"]
    for name, mask in masks.items():
        assert np.array_equal(mask, drawn_mask(int(name[1]))), name
    assert report.notices() == []
    splits = {row.image[8]: row.split for row in read(tmp_path / "out").rows}
    assert splits == {str(i): ("" if not lists else "train" if i < 3 else "test") for i in range(6)}


def test_unknown_colours_are_reported_and_the_border_is_ignored(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    path = source / "SegmentationClass" / "p0_a.png"
    pixels = np.array(Image.open(path).convert("RGB"))
    pixels[5, :4], pixels[5, 4:6] = (1, 2, 3), (224, 224, 192)
    Image.fromarray(pixels).save(path)
    grey = source / "SegmentationClass" / "p2_a.png"
    numbers = np.array(Image.open(grey))
    numbers[5, 0], numbers[5, 1] = 7, 255
    Image.fromarray(numbers).save(grey)
    with pytest.raises(
        UserError, match=r"lost: unknown colour 1,2,3: 4 pixels in 1 image .*; unknown index 7: 1 pixel"
    ):
        import_data("voc", source, tmp_path / "out", OPTIONS)
    report = import_data("voc", source, tmp_path / "out", LENIENT)
    assert report.notices() == [
        "unknown colour 1,2,3: 4 pixels in 1 image became background",
        "unknown index 7: 1 pixel in 1 image became background",
        "ignore: 2 pixels in 1 image became 255 (ignored)",
        "255: 1 pixel in 1 image became 255 (ignored)",
    ]
    masks = masks_of(tmp_path / "out")
    assert masks["p0_a.png"][5].tolist() == [0, 0, 0, 0, 255, 255, 0, 0, 0, 0]
    assert masks["p2_a.png"][5, :2].tolist() == [0, 255]


def test_missing_files_are_named_or_skipped(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    (source / "JPEGImages" / "p1_a.jpg").unlink()
    (source / "SegmentationClass" / "p2_a.png").unlink()
    with pytest.raises(UserError, match=r"JPEGImages/p1_a: the image is missing; fix it, or skip .*--skip-bad"):
        import_data("voc", source, tmp_path / "out", OPTIONS)
    report = import_data("voc", source, tmp_path / "out", ImportOptions(places=OPTIONS.places, skip_bad=True))
    assert report.skipped_lines() == ["JPEGImages/p1_a: the image is missing"]
    # Listed, but without a mask: so CVAT exports an image without annotations.
    assert report.notices()[0].startswith("listed without a mask: all background")
    masks = masks_of(tmp_path / "out")
    assert sorted(masks) == ["p0_a.png", "p2_a.png", "p3_a.jpg"]
    assert not masks["p2_a.png"].any()


def test_names_in_lists_may_not_leave_the_source(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    (source / "ImageSets" / "Segmentation" / "val.txt").write_text("../JPEGImages/p0_a\n")
    with pytest.raises(UserError, match="leaves its folder"):
        import_data("voc", source, tmp_path / "out", OPTIONS)


def test_an_image_for_training_and_test_is_refused(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    (source / "ImageSets" / "Segmentation" / "trainval.txt").write_text("p3_a\n")
    with pytest.raises(UserError, match=r"trainval\.txt: 'p3_a' is listed for training and for test"):
        import_data("voc", source, tmp_path / "out", OPTIONS)


def test_masks_without_a_list_are_reported(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    (source / "ImageSets" / "Segmentation" / "test.txt").unlink()
    with pytest.raises(UserError, match="lost: left out, masks in no list of ImageSets/Segmentation: 2"):
        import_data("voc", source, tmp_path / "out", OPTIONS)
    report = import_data("voc", source, tmp_path / "out", LENIENT)
    assert "left out, masks in no list of ImageSets/Segmentation: 2" in report.notices()


def test_images_without_a_mask_and_a_list_are_reported(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc", lists=False)
    (source / "SegmentationClass" / "p0_a.png").unlink()
    report = import_data("voc", source, tmp_path / "out", OPTIONS)
    assert (report.images, report.notices()) == (
        3,
        ["left out, images without a mask that no list of ImageSets/Segmentation names: 1"],
    )


def test_jpeg_masks_are_refused(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    path = source / "SegmentationClass" / "p0_a.png"
    Image.open(path).convert("RGB").save(path, format="JPEG")
    with pytest.raises(UserError, match=r"p0_a\.png: masks must be PNG \(JPEG changes colours\)"):
        import_data("voc", source, tmp_path / "out", OPTIONS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seat_belt:300,0,0::", "line 1: must be NAME:RED,GREEN,BLUE"),
        ("seat_belt:1,2::", "line 1: must be NAME:RED,GREEN,BLUE"),
        (":1,2,3::", "line 1: must be NAME:RED,GREEN,BLUE"),
        ("a:1,2,3::\na:3,2,1::", "line 2: a is listed twice"),
        ("a:1,2,3::\nb:1,2,3::", r"line 2: b and a share the colour \(1, 2, 3\)"),
        ("# nothing\n", "names no label"),
    ],
)
def test_bad_label_maps_are_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "labelmap.txt").write_text(text)
    with pytest.raises(UserError, match=what):
        read_label_map(tmp_path / "labelmap.txt")


def test_lines_without_a_colour_have_that_of_voc(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("background:::\nseat_belt:::\nhair:::\n")
    assert read_label_map(tmp_path / "labelmap.txt") == {
        (0, 0, 0): "background",
        (128, 0, 0): "seat_belt",
        (0, 128, 0): "hair",
    }
    assert [voc_colour(i) for i in (3, 8, 15, 255)] == [(128, 128, 0), (64, 0, 0), (192, 128, 128), (224, 224, 192)]


def test_a_missing_label_map_is_named(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    (source / "labelmap.txt").unlink()
    with pytest.raises(UserError, match=r"labelmap\.txt is missing; export it with the masks"):
        import_data("voc", source, tmp_path / "out", OPTIONS)


def test_grey_masks_of_grey_label_maps_are_read_by_colour(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc", images=1, lists=False)
    (source / "labelmap.txt").write_text("background:0,0,0::\nseat_belt:255,255,255::\n")
    mask = np.zeros((6, 10), np.uint8)
    mask[2, 3:7] = 255
    Image.fromarray(mask).save(source / "SegmentationClass" / "p0_a.png")
    import_data("voc", source, tmp_path / "out")
    assert np.array_equal(masks_of(tmp_path / "out")["p0_a.png"], mask // 255)


def test_grey_masks_of_one_bit_are_refused(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc", images=1, lists=False)
    Image.new("1", (10, 6)).save(source / "SegmentationClass" / "p0_a.png")
    with pytest.raises(UserError, match="masks must be 8-bit single-channel PNG"):
        import_data("voc", source, tmp_path / "out")
