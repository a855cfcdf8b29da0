"""Folders as other tools write them: each is imported as it is, by the obvious command."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import (
    draw_cityscapes,
    draw_coco,
    draw_folder,
    draw_supervisely,
    drawn_image,
    drawn_mask,
    masks_of,
    rewrite,
    uncompressed,
)

PLACES = Places(classes={"background": 0, "seat_belt": 1, "hair": 2})
OPTIONS = ImportOptions(places=PLACES)
SORTED = np.array([0, 2, 1], np.uint8)


def coco_file(path: Path, numbers: list[int], folder: Path, names: dict[int, str] | None = None) -> None:
    """Write a COCO file of some drawn images, and the images into a folder; ids begin anew in each file."""
    folder.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, number in enumerate(numbers):
        mask, name = drawn_mask(number), f"{number}.png"
        drawn_image(number).save(folder / name)
        images.append({"id": i, "file_name": (names or {}).get(number, name), "height": 6, "width": 10})
        annotations += [
            {
                "id": len(annotations) + value,
                "image_id": i,
                "category_id": value,
                "segmentation": uncompressed(mask == value),
            }
            for value in (1, 2)
            if (mask == value).any()
        ]
    categories = [{"id": 1, "name": "seat_belt"}, {"id": 2, "name": "hair"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def check_drawn(out: Path, splits: dict[str, str], table: np.ndarray[Any, Any] = SORTED) -> None:
    """Compare masks with those drawn; the number of an image is the last digit of its name."""
    dataset, masks = read(out), masks_of(out)
    assert {row.image.removeprefix("images/"): row.split for row in dataset.rows} == splits
    for name, mask in masks.items():
        assert np.array_equal(mask, table[drawn_mask(int(Path(name).stem[-1]))]), name


def test_coco_2017_is_imported(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    coco_file(root / "annotations" / "instances_train2017.json", [2, 3], root / "train2017")
    coco_file(root / "annotations" / "instances_val2017.json", [4], root / "val2017")
    for name in ("captions_train2017", "person_keypoints_val2017"):
        (root / "annotations" / f"{name}.json").write_text("{}")
    report = import_data("coco", root, tmp_path / "out", ImportOptions())
    check_drawn(tmp_path / "out", {"train2017/2.png": "train", "train2017/3.png": "train", "val2017/4.png": "train"})
    assert "the split val2017 became training: 1" in " ".join(report.notices())


def test_coco_2017_with_a_folder_of_images(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    coco_file(root / "annotations" / "instances_train2017.json", [2, 3], root / "images" / "train2017")
    coco_file(root / "annotations" / "instances_test2017.json", [4], root / "images" / "test2017")
    import_data("coco", root, tmp_path / "out", ImportOptions())
    check_drawn(tmp_path / "out", {"train2017/2.png": "train", "train2017/3.png": "train", "test2017/4.png": "test"})


def test_cvat_with_subsets_of_one_image_name(tmp_path: Path) -> None:
    root = tmp_path / "cvat"
    coco_file(root / "annotations" / "instances_Train.json", [2], root / "images" / "Train")
    coco_file(root / "annotations" / "instances_Test.json", [3], root / "images" / "Test")
    for subset, number in (("Train", 2), ("Test", 3)):
        (root / "images" / subset / f"{number}.png").rename(root / "images" / subset / "a.png")
        rewrite(
            root / "annotations" / f"instances_{subset}.json", lambda raw: raw["images"][0].update(file_name="a.png")
        )
    import_data("coco", root, tmp_path / "out", ImportOptions())
    masks = masks_of(tmp_path / "out")
    assert np.array_equal(masks["Train/a.png"], SORTED[drawn_mask(2)])
    assert np.array_equal(masks["Test/a.png"], SORTED[drawn_mask(3)])
    assert [row.split for row in sorted(read(tmp_path / "out").rows, key=lambda row: row.image)] == ["test", "train"]


@pytest.mark.parametrize("named", [True, False])
def test_cvat_with_one_subset_is_imported(tmp_path: Path, named: bool) -> None:
    root = tmp_path / "cvat"
    file = root / "annotations" / "instances_default.json"
    coco_file(file, [2, 3], root / "images" / "default")
    import_data("coco", file if named else root, tmp_path / "out", ImportOptions())
    check_drawn(tmp_path / "out", {"2.png": "", "3.png": ""})


def test_roboflow_is_imported(tmp_path: Path) -> None:
    root = tmp_path / "roboflow"
    for folder, number in (("train", 2), ("valid", 3), ("test", 4)):
        coco_file(root / folder / "_annotations.coco.json", [number], root / folder)
    (root / "README.roboflow.txt").write_text("x")
    import_data("coco", root, tmp_path / "out", ImportOptions())
    check_drawn(tmp_path / "out", {"train/2.png": "train", "valid/3.png": "train", "test/4.png": "test"})
    import_data("coco", root / "test", tmp_path / "one", ImportOptions())
    check_drawn(tmp_path / "one", {"4.png": "test"})


def test_fiftyone_and_labelme_are_imported(tmp_path: Path) -> None:
    coco_file(tmp_path / "fiftyone" / "labels.json", [2], tmp_path / "fiftyone" / "data")
    coco_file(
        tmp_path / "labelme" / "annotations.json", [2], tmp_path / "labelme" / "JPEGImages", {2: "JPEGImages/2.png"}
    )
    import_data("coco", tmp_path / "fiftyone", tmp_path / "a", ImportOptions())
    check_drawn(tmp_path / "a", {"2.png": ""})
    import_data("coco", tmp_path / "labelme", tmp_path / "b", ImportOptions())
    check_drawn(tmp_path / "b", {"JPEGImages/2.png": ""})


@pytest.mark.parametrize(
    "foreign", ["C:\\Users\\ann\\pictures\\2.png", "/home/ann/2.png", "..\\x\\2.png", "other/2.png"]
)
def test_paths_of_another_machine_are_matched_by_name(tmp_path: Path, foreign: str) -> None:
    root = tmp_path / "coco"
    coco_file(root / "a.json", [2], root / "images" / "deep" / "down", {2: foreign})
    with pytest.raises(UserError, match="--name-only"):
        import_data("coco", root, tmp_path / "out", ImportOptions())
    import_data("coco", root, tmp_path / "out", ImportOptions(places=Places(name_only=True)))
    check_drawn(tmp_path / "out", {"deep/down/2.png": ""})
    (root / "images" / "2.png").write_bytes((root / "images" / "deep" / "down" / "2.png").read_bytes())
    with pytest.raises(UserError, match=r"2\.png: 2 images have this name, such as 2\.png and deep/down/2\.png"):
        import_data("coco", root, tmp_path / "again", ImportOptions(places=Places(name_only=True)))


def test_a_list_of_subjects_from_another_machine(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text(
        "image,subject\n" + "".join(f"C:\\pictures\\{i}.{'jpg' if i % 2 else 'png'},ann\n" for i in range(4))
    )
    with pytest.raises(UserError, match=r"is not listed in people\.csv .*; --name-only compares the last parts"):
        import_data(
            "folder",
            draw_folder(tmp_path / "a"),
            tmp_path / "out",
            ImportOptions(places=PLACES, rules=Rules(subjects=table)),
        )
    rules = Rules(subjects=table, name_only=True)
    import_data("folder", tmp_path / "a", tmp_path / "out", ImportOptions(places=PLACES, rules=rules))
    assert {row.subject for row in read(tmp_path / "out").rows} == {"ann"}


def test_a_missing_image_is_named_with_the_places_and_options(tmp_path: Path) -> None:
    source = draw_coco(tmp_path / "coco")
    (source / "images").rename(source / "pictures")
    with pytest.raises(UserError, match=r"0\.png: the file is missing in .*coco.*; name the folder .* by --images, or"):
        import_data("coco", source, tmp_path / "out", OPTIONS)
    places = Places(classes=PLACES.classes, images=source / "pictures")
    assert import_data("coco", source, tmp_path / "out", ImportOptions(places=places)).images == 4


def test_folders_of_splits_are_imported(tmp_path: Path) -> None:
    draw_folder(tmp_path / "raw" / "train", images=4)
    draw_folder(tmp_path / "raw" / "Test", images=3)
    import_data("folder", tmp_path / "raw", tmp_path / "out", OPTIONS)
    splits = {row.image.split("/")[1]: row.split for row in read(tmp_path / "out").rows}
    assert splits == {"train": "train", "Test": "test"}


@pytest.mark.parametrize("ending", ["annot", "_masks", "_labels"])
def test_masks_in_a_folder_beside_each_split(tmp_path: Path, ending: str) -> None:
    root = tmp_path / "camvid"
    for split, numbers in (("train", (2, 3)), ("val", (4,)), ("test", (5,))):
        for folder in (split, f"{split}{ending}"):
            (root / folder).mkdir(parents=True)
        for number in numbers:
            drawn_image(number).save(root / split / f"{number}.png")
            Image.fromarray(drawn_mask(number)).save(root / f"{split}{ending}" / f"{number}.png")
    import_data("folder", root, tmp_path / "out", OPTIONS)
    expected = {"train/2.png": "train", "train/3.png": "train", "val/4.png": "train", "test/5.png": "test"}
    check_drawn(tmp_path / "out", expected, np.arange(3, dtype=np.uint8))


def test_cityscapes_is_imported(tmp_path: Path) -> None:
    options = ImportOptions(target="car")
    report = import_data("cityscapes", draw_cityscapes(tmp_path / "city", extras=True), tmp_path / "out", options)
    dataset, masks = read(tmp_path / "out"), masks_of(tmp_path / "out")
    assert (dataset.classes["car"], dataset.classes["person"], dataset.classes["background"]) == (26, 24, 0)
    assert {(row.subject, row.split) for row in dataset.rows} == {("ulm", "train"), ("bonn", "train")}
    expected = np.array([0, 26, 24], np.uint8)[drawn_mask(2)]
    expected[:, -1] = 255
    assert np.array_equal(masks["train/ulm/ulm_000002_000019_leftImg8bit.png"], expected)
    assert "1: 24 pixels in 4 images became 255 (ignored)" in report.notices()


def test_some_classes_of_cityscapes_can_be_chosen(tmp_path: Path) -> None:
    source = draw_cityscapes(tmp_path / "city")
    options = ImportOptions(places=Places(classes={"background": 0, "car": 1}))
    report = import_data("cityscapes", source, tmp_path / "out", options)
    assert set(np.unique(masks_of(tmp_path / "out")["train/ulm/ulm_000002_000019_leftImg8bit.png"])) == {0, 1, 255}
    assert any(line.startswith("label person is none of the classes") for line in report.notices())
    with pytest.raises(UserError, match="Cityscapes has no class belt; it has background, static"):
        import_data("cityscapes", source, tmp_path / "x", ImportOptions(places=Places(classes={"belt": 1})))
    with pytest.raises(UserError, match="it looks like Cityscapes: import it as cityscapes"):
        import_data("folder", source, tmp_path / "x", OPTIONS)


def test_supervisely_is_imported(tmp_path: Path) -> None:
    import_data("supervisely", draw_supervisely(tmp_path / "project"), tmp_path / "out", OPTIONS)
    expected = {"0.png": "", "1.jpg": "", "2.png": "", "3.jpg": ""}
    check_drawn(tmp_path / "out", expected, np.arange(3, dtype=np.uint8))
    import_data("supervisely", tmp_path / "project" / "cabin", tmp_path / "one", OPTIONS)
    check_drawn(tmp_path / "one", expected, np.arange(3, dtype=np.uint8))


def test_data_sets_and_tags_of_supervisely(tmp_path: Path) -> None:
    source = draw_supervisely(tmp_path / "project")
    shutil.copytree(source / "cabin", source / "Test")
    (source / "cabin").rename(source / "train")
    rewrite(source / "train" / "ann" / "3.jpg.json", lambda raw: raw["tags"].append({"name": "val"}))
    (source / "Test" / "ann" / "0.png.json").unlink()
    report = import_data("supervisely", source, tmp_path / "out", OPTIONS)
    splits = {row.image.removeprefix("images/"): row.split for row in read(tmp_path / "out").rows}
    assert splits["train/0.png"] == "train"
    assert splits["Test/0.png"] == "test"
    assert "without an annotation file: all background: 1" in report.notices()
    assert any("the split val became training: 1" in line for line in report.notices())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda entry: entry.update(geometryType="polyline"), "would be lost: left out, objects of the shape polyline"),
        (lambda entry: entry.update(classTitle="hat"), "would be lost: unknown label hat"),
        (lambda entry: entry["bitmap"].update(data="%%"), "its bitmap cannot be unpacked"),
        (lambda entry: entry["bitmap"].update(data="AAAA"), "its bitmap cannot be unpacked"),
        (lambda entry: entry["bitmap"].update(origin=[9, 5]), "its bitmap reaches out of the image of 10x6 pixels"),
        (lambda entry: entry.update(bitmap=None), r"must have data \(base64\) and origin"),
        (lambda entry: entry.update(geometryType="polygon"), "has no points"),
        (
            lambda entry: entry.update(geometryType="polygon", points={"exterior": [[0, 0], [1e12, 0], [1, 1]]}),
            "its points must be a list",
        ),
    ],
)
def test_damaged_objects_of_supervisely_are_named(tmp_path: Path, change: Any, what: str) -> None:
    source = draw_supervisely(tmp_path / "project")
    rewrite(source / "cabin" / "ann" / "2.png.json", lambda raw: change(raw["objects"][-1]))
    with pytest.raises(UserError, match=what):
        import_data("supervisely", source, tmp_path / "out", OPTIONS)


def test_a_polygon_with_a_hole(tmp_path: Path) -> None:
    source = draw_supervisely(tmp_path / "project")
    square, hole = [[1, 1], [7, 1], [7, 5], [1, 5]], [[3, 2], [5, 2], [5, 4], [3, 4]]
    entry = {"classTitle": "seat_belt", "geometryType": "polygon", "points": {"exterior": square, "interior": [hole]}}
    rewrite(source / "cabin" / "ann" / "2.png.json", lambda raw: raw.update(objects=[entry]))
    import_data("supervisely", source, tmp_path / "out", OPTIONS)
    expected = np.zeros((6, 10), np.uint8)
    expected[1:6, 1:8] = 1
    expected[2:5, 3:6] = 0
    assert np.array_equal(masks_of(tmp_path / "out")["2.png"], expected)


def test_names_with_accents_and_capital_endings(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    drawn_image(2).save(root / "images" / unicodedata.normalize("NFC", "é2.PNG"), format="PNG")
    Image.fromarray(drawn_mask(2)).save(root / "masks" / unicodedata.normalize("NFD", "é2.PNG"), format="PNG")
    assert import_data("folder", root, tmp_path / "out", OPTIONS).images_of["seat_belt"] == 1


def test_the_format_that_a_folder_looks_like(tmp_path: Path) -> None:
    for draw, form in ((draw_coco, "coco"), (draw_supervisely, "supervisely")):
        root = draw(tmp_path / form)
        shutil.rmtree(root / "images", ignore_errors=True)
        with pytest.raises(UserError, match=f"it looks like .*: import it as {form}"):
            import_data("folder", root, tmp_path / "out", OPTIONS)
