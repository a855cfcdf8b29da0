"""An import that would lose annotated pixels, or has no target, fails unless its user accepts that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.importers import ImportOptions, Places, Rules, import_data, parse_classes
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import draw_coco, draw_folder, draw_voc, drawn_image, masks_of, rewrite

SQUARE = [4, 4, 20, 4, 20, 20, 4, 20]


def two_images(root: Path, **second: Any) -> Path:
    """A COCO file of two images with a belt; the annotation of the second is changed."""
    (root / "images").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png")):
        drawn_image(number, 32, 48).save(root / "images" / name)
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]},
        {"id": 2, "image_id": 2, "category_id": 1, "segmentation": [SQUARE]} | second,
    ]
    images = [{"id": i + 1, "file_name": name, "width": 48, "height": 32} for i, name in enumerate(("a.png", "b.png"))]
    categories = [{"id": 1, "name": "seat_belt"}]
    (root / "a.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return root / "a.json"


@pytest.mark.parametrize(
    "second",
    [
        {"image_id": "2"},
        {"image_id": 2.0},
        {"category_id": "1"},
        {"category_id": 1.0},
        {"image_id": "2", "category_id": "1"},
        {"segmentation": SQUARE},
        {"segmentation": [[4, 4], [20, 4], [20, 20], [4, 20]]},
        {"segmentation": [[[4, 4], [20, 4], [20, 20], [4, 20]]]},
        {"segmentation": [[4.0, 4, 20, 4, 20, 20], [4, 4, 20, 20, 4, 20]], "iscrowd": 1},
    ],
    ids=str,
)
def test_one_thing_in_several_forms(tmp_path: Path, second: dict[str, Any]) -> None:
    import_data("coco", two_images(tmp_path / "in", **second), tmp_path / "out")
    masks = masks_of(tmp_path / "out")
    assert np.array_equal(masks["a.png"], masks["b.png"])
    assert masks["b.png"].sum() == 256


def test_ids_of_images_and_categories_as_texts(tmp_path: Path) -> None:
    source = two_images(tmp_path / "in")
    rewrite(source, lambda raw: [image.update(id=str(image["id"])) for image in raw["images"]])
    rewrite(source, lambda raw: raw["categories"][0].update(id="1"))
    import_data("coco", source, tmp_path / "out")
    assert masks_of(tmp_path / "out")["b.png"].sum() == 256


def test_ids_that_only_look_alike_stay_different(tmp_path: Path) -> None:
    source = two_images(tmp_path / "in", image_id="002")
    rewrite(source, lambda raw: raw["images"][1].update(id="002"))
    rewrite(source, lambda raw: raw["images"][0].update(id=2))
    rewrite(source, lambda raw: raw["annotations"][0].update(image_id=2))
    assert import_data("coco", source, tmp_path / "out").images_of["seat_belt"] == 2


def test_a_list_of_run_lengths_is_their_union(tmp_path: Path) -> None:
    halves = [{"size": [32, 48], "counts": [0, 32, 1504]}, {"size": [32, 48], "counts": [32, 32, 1472]}]
    import_data("coco", two_images(tmp_path / "in", segmentation=halves), tmp_path / "out")
    assert masks_of(tmp_path / "out")["b.png"].sum() == 64


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ({"image_id": 9}, "left out, annotations of no image: 1"),
        ({"image_id": "x"}, "left out, annotations of no image: 1"),
        ({"category_id": 7}, "unknown label category 7: 256 pixels in 1 image became background"),
        ({"segmentation": []}, "left out, annotations of seat_belt without a segmentation: in 1 image"),
        ({"segmentation": None}, "left out, annotations of seat_belt without a segmentation: in 1 image"),
        (
            {"segmentation": [[4, 4, 20, 4, 12, 4]]},
            "left out, annotations of seat_belt that cover no pixel: in 1 image",
        ),
        (
            {"segmentation": [[60, 4, 70, 4, 70, 20]]},
            "left out, annotations of seat_belt that cover no pixel: in 1 image",
        ),
        ({"segmentation": {"size": [32, 48], "counts": [1536]}}, "that cover no pixel: in 1 image"),
    ],
    ids=str,
)
def test_what_has_no_place_ends_the_import(tmp_path: Path, second: dict[str, Any], what: str) -> None:
    source = two_images(tmp_path / "in", **second)
    with pytest.raises(UserError, match=rf"annotations would be lost: .*{what}.*--accept-losses"):
        import_data("coco", source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    report = import_data("coco", source, tmp_path / "out", ImportOptions(accept_losses=True))
    assert any(what in line for line in report.notices())
    assert masks_of(tmp_path / "out")["b.png"].sum() == 0


@pytest.mark.parametrize(
    ("segmentation", "what"),
    [
        ({"size": [48, 32], "counts": [1536]}, r"size must be the image's \[height, width\]"),
        ([["4", "4", "20", "4", "20", "20"]], r"a polygon must be a list of numbers, all of them \[\[x, y, x, y"),
        ([[[4, 4], [20, 4, 1], [20, 20]]], r"a polygon must be a list of numbers, all of them \[\[x, y, x, y"),
        ("4,4", r"must be a list of polygons \[\[x, y, x, y, \.\.\.\], \.\.\.\] or a run-length object"),
    ],
)
def test_forms_that_are_none_show_the_right_one(tmp_path: Path, segmentation: object, what: str) -> None:
    with pytest.raises(UserError, match=what):
        import_data("coco", two_images(tmp_path / "in", segmentation=segmentation), tmp_path / "out")


@pytest.mark.parametrize("draw", [draw_coco, draw_voc, draw_folder])
def test_a_target_that_nothing_shows(tmp_path: Path, draw: Any) -> None:
    form = draw.__name__.removeprefix("draw_")
    places = Places(classes={"background": 0, "belt": 3, "seat_belt": 1, "hair": 2})
    options = ImportOptions(target="belt", places=places)
    source = draw(tmp_path / "in")
    with pytest.raises(UserError, match=r"none of the 4 images shows the target belt; check its name .*--target"):
        import_data(form, source, tmp_path / "out", options)
    report = import_data(
        form, source, tmp_path / "out", ImportOptions(target="belt", places=places, accept_no_target=True)
    )
    assert "no image shows belt" in report.notices()[-1]
    assert report.target_line().startswith("belt appears in 0 of ")


def test_how_many_images_of_each_split_show_the_target(tmp_path: Path) -> None:
    options = ImportOptions(
        places=Places(classes=parse_classes("seat_belt,hair")),
        rules=Rules(subject_pattern=r"(?P<subject>\d)\.", test_subjects=("1", "3")),
    )
    report = import_data("folder", draw_folder(tmp_path / "in"), tmp_path / "out", options)
    assert report.target_line() == "seat_belt appears in 1 of 2 real train images, 1 of 2 real test images"
    assert report.cautions() == [
        "seat_belt appears in only 1 of 2 real train images: single images determine the score",
        "seat_belt appears in only 1 of 2 real test images: single images determine the score",
    ]


def binary(root: Path, mode: str = "L", suffix: str = "png", extra: int | None = None) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(2):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4] = 255
        if extra is not None and number:
            mask[6] = extra
        drawn_image(number, 8, 8).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).convert(mode).save(root / "masks" / f"{number}.{suffix}")
    return root


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA"])
@pytest.mark.parametrize("classes", ["seat_belt", "seat_belt=255", "background=0,seat_belt=255"])
def test_masks_of_0_and_255(tmp_path: Path, mode: str, classes: str) -> None:
    options = ImportOptions(places=Places(classes=parse_classes(classes)))
    report = import_data("folder", binary(tmp_path / "in", mode), tmp_path / "out", options)
    assert report.classes.numbers == {"background": 0, "seat_belt": 1}
    assert masks_of(tmp_path / "out")["1.png"][:, 0].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert report.notices() == ([] if "=" in classes else ["the masks hold 0 and 255 only: 255 is read as seat_belt"])


def test_255_stays_ignored_beside_the_class(tmp_path: Path) -> None:
    options = ImportOptions(places=Places(classes=parse_classes("seat_belt")))
    import_data("folder", binary(tmp_path / "in", extra=1), tmp_path / "out", options)
    masks = masks_of(tmp_path / "out")
    assert masks["1.png"][:, 0].tolist() == [0, 0, 255, 255, 0, 0, 1, 0]
    assert masks["0.png"][:, 0].tolist() == [0, 0, 255, 255, 0, 0, 0, 0]


def test_255_that_may_be_the_class_is_pointed_out(tmp_path: Path) -> None:
    options = ImportOptions(places=Places(classes=parse_classes("seat_belt,hair")))
    with pytest.raises(
        UserError, match="shows the target seat_belt; 255 was ignored: if it is the class, use --classes"
    ):
        import_data("folder", binary(tmp_path / "in"), tmp_path / "out", options)


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_masks_of_other_formats_are_named(tmp_path: Path, suffix: str) -> None:
    options = ImportOptions(places=Places(classes=parse_classes("seat_belt")))
    with pytest.raises(UserError, match=rf"masks/0\.{suffix}: the image cannot be decoded as PNG"):
        import_data("folder", binary(tmp_path / "in", suffix=suffix), tmp_path / "out", options)


def test_numbers_that_shall_not_count(tmp_path: Path) -> None:
    places = Places(classes=parse_classes("seat_belt=255,hair=0"), ignore=("11",))
    report = import_data("folder", binary(tmp_path / "in", extra=11), tmp_path / "out", ImportOptions(places=places))
    assert masks_of(tmp_path / "out")["1.png"][:, 0].tolist() == [0, 0, 1, 1, 0, 0, 255, 0]
    assert report.notices() == ["11: 8 pixels in 1 image became 255 (ignored)"]
    places = Places(classes=parse_classes("seat_belt=11"), ignore=("11",))
    with pytest.raises(UserError, match="--ignore 11 is the class seat_belt of --classes"):
        import_data("folder", tmp_path / "in", tmp_path / "x", ImportOptions(places=places))


def test_an_invented_background_hides_no_unknown_number(tmp_path: Path) -> None:
    options = ImportOptions(places=Places(classes=parse_classes("sky=0,seat_belt=255")))
    with pytest.raises(UserError, match="lost: unknown index 1: 8 pixels in 1 image became background"):
        import_data("folder", binary(tmp_path / "in", extra=1), tmp_path / "out", options)


@pytest.mark.parametrize("form", ["voc", "coco"])
def test_labels_that_shall_not_count(tmp_path: Path, form: str) -> None:
    source = {"voc": draw_voc, "coco": draw_coco}[form](tmp_path / "in")
    report = import_data(form, source, tmp_path / "out", ImportOptions(places=Places(ignore=("hair",))))
    assert report.classes.numbers == {"background": 0, "seat_belt": 1}
    assert any(line.startswith("hair: ") and line.endswith("became 255 (ignored)") for line in report.notices())
    places = Places(classes=parse_classes("seat_belt,hair"), ignore=("hair",))
    with pytest.raises(UserError, match="--ignore and --classes both name hair"):
        import_data(form, source, tmp_path / "x", ImportOptions(places=places))


def test_images_without_a_mask_as_background(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "in")
    (source / "masks" / "p0" / "0.png").unlink()
    places = Places(classes=parse_classes("seat_belt,hair"))
    with pytest.raises(UserError, match="--unmasked-is-background"):
        import_data("folder", source, tmp_path / "out", ImportOptions(places=places))
    places = Places(classes=places.classes, unmasked_is_background=True)
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=places))
    assert (report.images, report.notices()) == (4, ["without a mask: all background: 1"])
    assert not masks_of(tmp_path / "out")["p0/0.png"].any()
