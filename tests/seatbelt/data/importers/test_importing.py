"""What all formats share: the output folder, classes, the memory."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from seatbelt.data.importers import IMPORTERS, ImportOptions, Places, import_data, parse_classes
from seatbelt.data.importers.classes import choose_classes
from seatbelt.data.importers.walking import natural
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import (
    draw_cityscapes,
    draw_coco,
    draw_folder,
    draw_solo,
    draw_supervisely,
    draw_voc,
    masks_of,
)

CLASSES = {"background": 0, "seat_belt": 1, "hair": 2}
WITH_CLASSES = ImportOptions(places=Places(classes=CLASSES))


def many_solo(root: Path, images: int, **size: int) -> Path:
    return draw_solo(root, sequences=images, steps=1, **size)


MANY: dict[str, Callable[..., Path]] = {
    "solo": many_solo,
    "coco": draw_coco,
    "voc": draw_voc,
    "folder": draw_folder,
    "cityscapes": draw_cityscapes,
    "supervisely": draw_supervisely,
}
OPTIONS = {form: ImportOptions(target="car") if form == "cityscapes" else WITH_CLASSES for form in IMPORTERS}


@pytest.mark.slow
@pytest.mark.parametrize("form", IMPORTERS)
def test_memory_does_not_grow_with_the_images(form: str, tmp_path: Path) -> None:
    peaks: list[int] = []
    for images in (20, 20, 200):
        # The first import also takes memory for modules and caches, so that it comes twice.
        name = f"{len(peaks)}-{images}"
        source = MANY[form](tmp_path / name, images, height=60, width=100)
        tracemalloc.start()
        assert import_data(form, source, tmp_path / f"out-{name}", OPTIONS[form]).images == images
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A name and a hash of each image are held, and COCO's JSON file with the run lengths of all images.
    allowed = 3.0 if form == "coco" else 2.0
    assert peaks[2] < allowed * peaks[1], peaks
    # All images and masks of the larger set would be 200 * 60 * 100 * 4 bytes.
    assert peaks[2] < 4_800_000 / 2, peaks


@pytest.mark.parametrize("form", IMPORTERS)
def test_importing_twice_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    source = MANY[form](tmp_path / "source", 4)
    for name in ("a", "b"):
        import_data(form, source, tmp_path / name, dataclasses.replace(OPTIONS[form], name="x"))
    files = [sorted(p.relative_to(tmp_path / name) for p in (tmp_path / name).rglob("*")) for name in ("a", "b")]
    assert files[0] == files[1] and len(files[0]) > 8
    for path in files[0]:
        assert (
            not (tmp_path / "a" / path).is_file()
            or (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
        )


def test_the_description_says_where_the_images_are_from(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    import_data("folder", source, tmp_path / "out", ImportOptions(places=WITH_CLASSES.places, licence="CC-BY-4.0"))
    assert json.loads((tmp_path / "out" / "dataset.json").read_text()) == {
        "format": 1,
        "name": "out",
        "licence": "CC-BY-4.0",
        "classes": CLASSES,
        "target": "seat_belt",
        "imported_from": "folder: plain",
    }


def test_existing_files_stay(tmp_path: Path) -> None:
    source, out = draw_folder(tmp_path / "plain"), tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match="out exists and is not empty: name a new folder with --out"):
        import_data("folder", source, out, WITH_CLASSES)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_failed_import_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    source, out = draw_folder(tmp_path / "plain"), tmp_path / "new" / "out"
    (source / "images" / "p1" / "3.jpg").write_bytes(b"no image")
    before = sorted(source.rglob("*"))
    with pytest.raises(UserError, match=r"p1/3\.jpg: the image cannot be decoded as PNG"):
        import_data("folder", source, out, WITH_CLASSES)
    assert not (tmp_path / "new").exists()
    out.mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be decoded"):
        import_data("folder", source, out, WITH_CLASSES)
    assert list(out.iterdir()) == []
    assert sorted(source.rglob("*")) == before


def test_the_folder_has_no_description_until_the_end(tmp_path: Path) -> None:
    seen = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total, (tmp_path / "out" / "dataset.json").exists()))

    import_data("folder", draw_folder(tmp_path / "plain"), tmp_path / "out", WITH_CLASSES, watch)
    assert seen == [(i, 4, False) for i in (1, 2, 3, 4)]
    assert len(masks_of(tmp_path / "out")) == 4


def test_the_output_may_not_lie_in_the_source(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    with pytest.raises(UserError, match="lies in the source"):
        import_data("folder", source, source / "images" / "native", WITH_CLASSES)


def test_where_every_file_is_bad_there_is_no_data_set(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain", images=2)
    for path in source.rglob("images/*/*"):
        path.write_bytes(b"")
    options = ImportOptions(places=WITH_CLASSES.places, skip_bad=True)
    with pytest.raises(UserError, match=r"all 2 files were skipped, the first because p0/0\.png: the image cannot"):
        import_data("folder", source, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("form", "source", "what"),
    [
        ("yolo", "here", "there is no format 'yolo'; choose one of solo, coco, voc, folder, cityscapes, supervisely"),
        ("solo", "nowhere", "nowhere: there is no such file or folder"),
        ("voc", "here/file.zip", r"file\.zip is no folder; unpack archives first"),
        ("voc", "here", "JPEGImages: there is no such folder; name it with --images"),
        ("folder", "here", "images: there is no such folder; name it with --images"),
        ("coco", "here", "holds 0 JSON files; name the one to import"),
        ("coco", "here/file.zip", "cannot be read as JSON"),
        ("solo", "here", r"holds no folder sequence\.N"),
    ],
)
def test_sources_of_another_kind_are_named(tmp_path: Path, form: str, source: str, what: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file.zip").write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(UserError, match=what):
        import_data(form, tmp_path / source, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("seat_belt,hair", {"background": 0, "seat_belt": 1, "hair": 2}),
        ("background,seat_belt, hair", {"background": 0, "seat_belt": 1, "hair": 2}),
        ("seat_belt=5,hair=2", {"background": 0, "seat_belt": 5, "hair": 2}),
        ("seat_belt=0", {"background": 254, "seat_belt": 0}),
        ("seat_belt=255", {"background": 0, "seat_belt": 255}),
    ],
)
def test_class_lists_are_parsed(text: str, numbers: dict[str, int]) -> None:
    assert parse_classes(text) == numbers


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "--classes takes NAME,NAME"),
        ("a,,b", "--classes takes NAME,NAME"),
        ("a,a", "--classes names a twice"),
        ("a=1,b", "numbers for all names or for none"),
        ("a=256", "numbers from 0 to 255, but got 'a=256'"),
        ("a=-1", "numbers from 0 to 255"),
        ("a=1,b=1", "gives two names one number"),
        (",".join(f"c{i}" for i in range(256)), "--classes names 256 classes, but at most 254 fit"),
    ],
)
def test_bad_class_lists_are_named(text: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        parse_classes(text)


def test_the_target_is_a_class() -> None:
    assert choose_classes(None, None, {"hair", "seat_belt"}, target=None).target == "seat_belt"
    assert choose_classes(None, None, {"bag"}, target=None).target == "bag"
    with pytest.raises(UserError, match="name the class to be found with --target; choose one of bag, hair"):
        choose_classes(None, None, {"hair", "bag"}, target=None)
    with pytest.raises(UserError, match=r"--target must be one of the classes \(bag, hair\), but got 'seat_belt'"):
        choose_classes(None, None, {"hair", "bag"}, target="seat_belt")
    with pytest.raises(UserError, match="the source holds no label"):
        choose_classes(None, None, set(), target=None)
    with pytest.raises(UserError, match="the source holds 300 labels, but at most 254 fit"):
        choose_classes(None, None, {f"l{i}" for i in range(300)}, target=None)


def test_names_are_sorted_in_natural_order() -> None:
    assert sorted(["step10", "step9", "a", "10", "²"], key=natural) == ["10", "a", "step9", "step10", "²"]
