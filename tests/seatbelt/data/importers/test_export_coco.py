"""Native -> COCO -> native keeps everything; damaged fields of ours are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import check, read
from seatbelt.data.importers import ImportOptions, export_coco, import_data
from seatbelt.errors import UserError
from tests.conftest import MakeData
from tests.seatbelt.data.importers.drawing import masks_of, rewrite


def test_native_to_coco_and_back_is_exact(make_data: MakeData, tmp_path: Path) -> None:
    native = make_data(generations={"3": 4})
    # A class number out of order, ignored pixels, an empty mask, a JPEG.
    mask = np.array(Image.open(native / "masks" / "p1-1.png"))
    mask[-3:, ::2] = 255
    Image.fromarray(mask).save(native / "masks" / "p1-1.png")
    rewrite(native / "dataset.json", lambda raw: raw["classes"].update(shirt=9))
    Image.fromarray(np.full_like(mask, 9)).save(native / "masks" / "p2-0.png")
    assert check(native) == []
    assert export_coco(native, tmp_path / "coco") == 16
    import_data("coco", tmp_path / "coco", tmp_path / "stripes-again", ImportOptions(name="stripes"))
    before, after = read(native), read(tmp_path / "stripes-again")
    assert (before.classes, before.target, before.name) == (after.classes, after.target, after.name)
    assert before.rows == after.rows
    first, second = masks_of(native), masks_of(tmp_path / "stripes-again")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    for row in before.rows:
        assert before.image_path(row).read_bytes() == after.image_path(row).read_bytes()
    # And COCO -> native -> COCO.
    export_coco(tmp_path / "stripes-again", tmp_path / "coco-again")
    texts = [(tmp_path / name / "annotations.json").read_bytes() for name in ("coco", "coco-again")]
    assert texts[0] == texts[1]


def test_what_is_exported_is_coco(make_data: MakeData, tmp_path: Path) -> None:
    from pycocotools import mask as coco_mask

    native = make_data()
    export_coco(native, tmp_path / "coco")
    raw = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert raw["categories"] == [
        {"id": 1, "name": "seat_belt"},
        {"id": 2, "name": "hair"},
        {"id": 255, "name": "ignore"},
    ]
    assert {image["file_name"] for image in raw["images"]} == {p.name for p in (tmp_path / "coco/images").iterdir()}
    for annotation in raw["annotations"]:
        region = {**annotation["segmentation"], "counts": annotation["segmentation"]["counts"].encode()}
        assert annotation["area"] == coco_mask.area(region)
        assert annotation["bbox"] == coco_mask.toBbox(region).tolist()


def test_a_fault_of_the_native_set_leaves_nothing_behind(make_data: MakeData, tmp_path: Path) -> None:
    native = make_data()
    (native / "masks" / "p3-0.png").unlink()
    with pytest.raises(UserError, match=r"masks/p3-0\.png: the file is missing"):
        export_coco(native, tmp_path / "coco")
    assert not (tmp_path / "coco").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"domain": "film"}, "its domain must be real or synthetic, but got 'film'"),
        ({"subject": " ann"}, "its subject and generation must be plain texts, but got ' ann'"),
        ({"generation": "a\nb"}, r"plain texts, but got 'a\\nb'"),
        ({"split": "east"}, "its split must be one of train"),
    ],
)
def test_damaged_fields_of_ours_are_named(make_data: MakeData, tmp_path: Path, change: Any, what: str) -> None:
    export_coco(make_data(), tmp_path / "coco")
    rewrite(tmp_path / "coco" / "annotations.json", lambda raw: raw["images"][2].update(change))
    with pytest.raises(UserError, match=what):
        import_data("coco", tmp_path / "coco", tmp_path / "out")


def test_a_set_without_a_background_comes_back(make_data: MakeData, tmp_path: Path) -> None:
    native = make_data()
    rewrite(native / "dataset.json", lambda raw: raw.update(classes={"belt": 1, "sky": 0, "hair": 2}, target="sky"))
    export_coco(native, tmp_path / "coco")
    import_data("coco", tmp_path / "coco", tmp_path / "out")
    assert read(tmp_path / "out").classes == {"belt": 1, "sky": 0, "hair": 2}
    first, second = masks_of(native), masks_of(tmp_path / "out")
    assert all(np.array_equal(first[name], second[name]) for name in first)
