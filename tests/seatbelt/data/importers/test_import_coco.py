"""COCO: polygons, both forms of run lengths, overlaps, and the way back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import compressed, draw_coco, drawn_mask, masks_of, rewrite

PLACES = Places(classes={"background": 0, "seat_belt": 1, "hair": 2})
OPTIONS = ImportOptions(places=PLACES)
LENIENT = ImportOptions(places=PLACES, accept_losses=True, accept_no_target=True)


def one_image(
    root: Path, *segmentations: Any, categories: tuple[int, ...] = (1, 2), size: tuple[int, int] = (3, 4)
) -> Path:
    """A COCO file with one image of `size` (H, W) and one annotation for each segmentation."""
    root.mkdir()
    Image.new("RGB", size[::-1]).save(root / "a.png")
    annotations = [
        {"id": i, "image_id": 0, "category_id": category, "segmentation": segmentation}
        for i, (segmentation, category) in enumerate(zip(segmentations, categories, strict=False))
    ]
    names = [{"id": 1, "name": "seat_belt"}, {"id": 2, "name": "hair"}]
    images = [{"id": 0, "file_name": "a.png", "height": size[0], "width": size[1]}]
    (root / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": names}))
    return root


def test_masks_are_those_drawn(tmp_path: Path) -> None:
    report = import_data("coco", draw_coco(tmp_path / "coco"), tmp_path / "out", OPTIONS)
    masks = masks_of(tmp_path / "out")
    assert list(masks) == ["0.png", "1.jpg", "2.png", "3.jpg"]
    for number, mask in enumerate(masks.values()):
        assert np.array_equal(mask, drawn_mask(number)), number
    assert report.notices() == []
    assert {row.domain for row in read(tmp_path / "out").rows} == {"real"}


@pytest.mark.parametrize("where", ["annotations/instances.json", "."])
def test_the_file_or_its_folder_may_be_named(tmp_path: Path, where: str) -> None:
    source = draw_coco(tmp_path / "coco") / where
    assert import_data("coco", source, tmp_path / "out", OPTIONS).images == 4


def test_classes_without_a_list_are_sorted(tmp_path: Path) -> None:
    import_data("coco", draw_coco(tmp_path / "coco"), tmp_path / "out")
    dataset = read(tmp_path / "out")
    assert dataset.classes == {"background": 0, "hair": 1, "seat_belt": 2}
    assert dataset.target == "seat_belt"


# 3 rows, 4 columns, down the columns: 1 outside, 4 inside, 3 outside, 2 inside, 2 outside.
COLUMN_MAJOR = [[0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 1, 0]]


@pytest.mark.parametrize("counts", [[1, 4, 3, 2, 2], "14301N"])
def test_run_lengths_go_down_the_columns(tmp_path: Path, counts: object) -> None:
    if isinstance(counts, str):
        counts = compressed(np.array(COLUMN_MAJOR) == 1)["counts"]
    source = one_image(tmp_path / "coco", {"size": [3, 4], "counts": counts})
    import_data("coco", source, tmp_path / "out", OPTIONS)
    assert masks_of(tmp_path / "out")["a.png"].tolist() == COLUMN_MAJOR


def test_a_hole_and_an_empty_region_as_run_lengths(tmp_path: Path) -> None:
    # Columns of 3: full, only the ends, full, none.
    source = one_image(tmp_path / "coco", {"size": [3, 4], "counts": [0, 4, 1, 4, 3]}, {"size": [3, 4], "counts": [12]})
    with pytest.raises(UserError, match="annotations would be lost: left out, annotations of hair that cover no pixel"):
        import_data("coco", source, tmp_path / "out", OPTIONS)
    report = import_data("coco", source, tmp_path / "out", LENIENT)
    assert masks_of(tmp_path / "out")["a.png"].tolist() == [[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]]
    assert report.images_of["hair"] == 0


def test_polygons_are_the_union_of_their_parts(tmp_path: Path) -> None:
    left, right = [0, 0, 2, 0, 2, 2, 0, 2], [4, 1, 6, 1, 6, 4, 4, 4]
    source = one_image(tmp_path / "coco", [left, right], size=(5, 7))
    import_data("coco", source, tmp_path / "out", OPTIONS)
    assert masks_of(tmp_path / "out")["a.png"].tolist() == [
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]


def test_the_later_annotation_wins_and_overlaps_are_counted(tmp_path: Path) -> None:
    belt, hair = {"size": [3, 4], "counts": [0, 6, 6]}, {"size": [3, 4], "counts": [3, 6, 3]}
    report = import_data("coco", one_image(tmp_path / "coco", belt, hair), tmp_path / "out", OPTIONS)
    assert masks_of(tmp_path / "out")["a.png"].tolist() == [[1, 2, 2, 0]] * 3
    assert report.notices() == ["overlaps: 3 pixels in 1 image had another label before hair; the later annotation won"]


def test_parts_of_one_class_may_overlap(tmp_path: Path) -> None:
    first, second = {"size": [3, 4], "counts": [0, 6, 6]}, {"size": [3, 4], "counts": [3, 6, 3]}
    source = one_image(tmp_path / "coco", first, second, categories=(1, 1))
    assert not any("overlap" in line for line in import_data("coco", source, tmp_path / "out", OPTIONS).notices())


def test_unknown_categories_missing_segmentations_and_strays_are_reported(tmp_path: Path) -> None:
    full = {"size": [3, 4], "counts": [0, 12]}
    source = one_image(tmp_path / "coco", full, [], full, categories=(9, 1, 2))
    rewrite(source / "coco.json", lambda raw: raw["annotations"].append({"id": 7, "image_id": 99, "category_id": 1}))
    with pytest.raises(
        UserError, match="would be lost: left out, annotations of no image: 1; unknown label category 9"
    ):
        import_data("coco", source, tmp_path / "out", OPTIONS)
    report = import_data("coco", source, tmp_path / "out", LENIENT)
    assert report.notices() == [
        "left out, annotations of no image: 1",
        "unknown label category 9: 12 pixels in 1 image became background",
        "left out, annotations of seat_belt without a segmentation: in 1 image",
        "no image shows seat_belt; are the names of the classes those of the source?",
    ]


FULL = {"size": [3, 4], "counts": [0, 12]}
BAD_SEGMENTATIONS = [
    ({"size": [4, 3], "counts": [0, 12]}, r"size must be the image's \[height, width\] = \[3, 4\]"),
    ({"size": [3, 4], "counts": [0, 13]}, "do not add up to 4x3 pixels"),
    ({"size": [3, 4], "counts": [24, -12]}, "do not add up to 4x3 pixels"),
    ({"size": [3, 4], "counts": [0, 10**30]}, "counts must be a text or a list of whole numbers"),
    ({"size": [3, 4], "counts": ["1"]}, "counts must be a text or a list of whole numbers"),
    ({"size": [3, 4], "counts": "zzz"}, "the compressed run lengths are damaged"),
    ({"size": [3, 4], "counts": "oooooooooooooo0"}, "the compressed run lengths are damaged"),
    ({"size": [3, 4], "counts": "P"}, "the compressed run lengths are damaged"),
    ({"size": [3, 4], "counts": "\ud800é"}, "the compressed run lengths are damaged"),
    ({"size": [3, 4], "counts": "<<<"}, "do not add up|damaged"),
    ([[0, 0, 1, 1]], "a polygon needs an even number of at least 6 numbers, but has 4"),
    ([[0, 0, 1, 1, 2, 2, 3]], "a polygon needs an even number of at least 6 numbers, but has 7"),
    ([[0, 0, 1e9, 0, 1e9, 1e9]], "reaches far out of the image of 4x3 pixels"),
    ([[0, 0, float("nan"), 0, 1, 1]], "reaches far out of the image"),
    ([[0, 0, 10**400, 0, 1, 1]], "reaches far out of the image"),
    ([[0, 0, "1", 0, 1, 1]], "a polygon must be a list of numbers"),
    ([[0, 0, 8, 6] * 100_000], "the polygons are longer than 1,000,000 pixels"),
    ("mask", "must be a list of polygons .* or a run-length object"),
]


@pytest.mark.parametrize(("segmentation", "what"), BAD_SEGMENTATIONS, ids=range(len(BAD_SEGMENTATIONS)))
def test_damaged_segmentations_are_named(tmp_path: Path, segmentation: object, what: str) -> None:
    source = one_image(tmp_path / "coco", FULL, segmentation)
    with pytest.raises(UserError, match=rf"a\.png: annotation 1: .*({what}).*; mend it, or leave out"):
        import_data("coco", source, tmp_path / "out", OPTIONS)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda raw: raw["images"][0].update(file_name="../a.png"), r"image 0: the file name '\.\./a\.png' leaves"),
        (
            lambda raw: raw["images"][0].update(width=3, height=4),
            r"4x3 pixels, but the JSON says 3x4; if EXIF turns it",
        ),
        (lambda raw: raw["images"][0].update(file_name="b.png"), r"b\.png: the file is missing"),
        (lambda raw: raw["images"].append(raw["images"][0]), "image 1: the id 0 is given twice"),
        (lambda raw: raw["images"].append({**raw["images"][0], "id": 5}), r"a\.png: another image has the same name"),
        (lambda raw: raw.pop("annotations"), r"coco\.json: has no annotations"),
        (lambda raw: raw.update(images=[]), "lists no images"),
        (lambda raw: raw["categories"][0].update(name=5), "category 1: name must be a text, but got 5"),
        (lambda raw: raw["categories"][0].update(id=2), "categories hair and seat_belt share the id 2"),
        (lambda raw: raw["annotations"][0].update(image_id=[]), "annotation 0: image_id must be a number or a text"),
    ],
)
def test_damaged_json_is_named(tmp_path: Path, change: Any, what: str) -> None:
    source = one_image(tmp_path / "coco", FULL)
    rewrite(source / "coco.json", change)
    with pytest.raises(UserError, match=what):
        import_data("coco", source, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


def test_two_json_files_are_not_guessed_between(tmp_path: Path) -> None:
    source = one_image(tmp_path / "coco", FULL)
    (source / "other.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds 2 JSON files \(coco\.json, other\.json\); name the one to import"):
        import_data("coco", source, tmp_path / "out", OPTIONS)


def test_subjects_are_read_from_a_csv(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("image", "subject", "split"),
                ("0.png", "ann", "test"),
                ("1.jpg", "ann", "testing"),
                ("2.png", "bob", "val"),
                ("3.jpg", "cem", ""),
                ("gone.png", "cem", ""),
            ]
        )
    options = ImportOptions(places=PLACES, rules=Rules(subjects=table))
    report = import_data("coco", draw_coco(tmp_path / "coco"), tmp_path / "out", options)
    assert [(row.subject, row.split) for row in read(tmp_path / "out").rows] == [
        ("ann", "test"),
        ("ann", "test"),
        ("bob", "train"),
        ("cem", ""),
    ]
    assert report.notices() == [
        "the split val became training: 1; the sweep itself chooses the images that select among the training subjects",
        "lines of people.csv that name no imported image: 1, such as gone.png",
    ]


def test_deeply_nested_json_is_named(tmp_path: Path) -> None:
    source = one_image(tmp_path / "coco", FULL)
    text = (source / "coco.json").read_text()
    for depth in (900, 100_000):
        nested = "[" * depth + "]" * depth
        (source / "coco.json").write_text(text.replace('"image_id": 0', f'"image_id": {nested}'))
        with pytest.raises(UserError, match=r"must be a number or a text, but got a list|cannot be read as JSON"):
            import_data("coco", source, tmp_path / "out", OPTIONS)
