"""Plain folders: class numbers or colours, subjects from paths, odd image formats."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import draw_folder, drawn_mask, masks_of

CLASSES = {"background": 0, "seat_belt": 1, "hair": 2}
PLACES = Places(classes=CLASSES)
OPTIONS = ImportOptions(places=PLACES)
BY_FOLDER = r"^(?P<subject>p\d)/"


def test_class_numbers_are_those_drawn(tmp_path: Path) -> None:
    report = import_data("folder", draw_folder(tmp_path / "plain"), tmp_path / "out", OPTIONS)
    masks = masks_of(tmp_path / "out")
    assert list(masks) == ["p0/0.png", "p0/2.png", "p1/1.jpg", "p1/3.jpg"]
    assert all(np.array_equal(mask, drawn_mask(int(name[3]))) for name, mask in masks.items())
    assert report.notices() == []


def test_colours_are_looked_up_in_the_map(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain", colours=True)
    options = ImportOptions(places=Places(colours=source / "colours.txt"))
    import_data("folder", source, tmp_path / "out", options)
    assert read(tmp_path / "out").classes == {"background": 0, "hair": 1, "seat_belt": 2}
    swapped = np.array([0, 2, 1], np.uint8)
    assert all(np.array_equal(mask, swapped[drawn_mask(int(n[3]))]) for n, mask in masks_of(tmp_path / "out").items())


def test_numbers_without_a_name_are_reported_and_255_is_ignored(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    path = source / "masks" / "p0" / "0.png"
    mask = np.array(Image.open(path))
    mask[5, :4], mask[4, 0] = 9, 255
    Image.fromarray(mask).save(path)
    with pytest.raises(UserError, match="annotations would be lost: unknown index 9: 4 pixels in 1 image"):
        import_data("folder", source, tmp_path / "out", OPTIONS)
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES, accept_losses=True))
    assert report.notices() == [
        "unknown index 9: 4 pixels in 1 image became background",
        "255: 1 pixel in 1 image became 255 (ignored)",
    ]


def test_without_names_or_colours_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="masks hold numbers only: name them with --classes, or give a colour map"):
        import_data("folder", draw_folder(tmp_path / "plain"), tmp_path / "out")


def test_masks_beside_their_images_are_imported(tmp_path: Path) -> None:
    source = tmp_path / "flat"
    source.mkdir()
    for number in range(2):
        Image.new("RGB", (10, 6)).save(source / f"{number}.png")
        Image.fromarray(drawn_mask(number + 1)).save(source / f"{number}_mask.png")
    (source / "notes.txt").write_text("x")
    (source / ".DS_Store").write_text("x")
    places = Places(images=source, masks=source, mask_suffix="_mask", classes=CLASSES)
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=places))
    assert sorted(masks_of(tmp_path / "out")) == ["0.png", "1.png"]
    assert report.notices()[0] == "left out, files that are no images: 1"


@pytest.mark.parametrize(("mode", "suffix"), [("deep", "png"), ("deep", "tif"), ("P", "gif"), ("RGB", "ppm")])
def test_other_kinds_of_images_become_png(tmp_path: Path, mode: str, suffix: str) -> None:
    source = draw_folder(tmp_path / "plain")
    (source / "images" / "p0" / "0.png").unlink()
    grey = np.tile(np.arange(10, dtype=np.uint16) * 20, (6, 1))
    picture = Image.fromarray(grey * 257) if mode == "deep" else Image.fromarray(grey.astype(np.uint8)).convert(mode)
    picture.save(source / "images" / "p0" / f"0.{suffix}")
    import_data("folder", source, tmp_path / "out", OPTIONS)
    assert "p0/0.png" in masks_of(tmp_path / "out")
    with Image.open(tmp_path / "out" / "images" / "p0" / "0.png") as file:
        assert (file.format, file.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(file), np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))


def test_huge_images_are_refused_by_their_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    source = draw_folder(tmp_path / "plain")
    (source / "images" / "p0" / "0.png").write_bytes(bomb)
    with pytest.raises(UserError, match=r"p0/0\.png: .*more than 50,000,000 pixels"):
        import_data("folder", source, tmp_path / "out", OPTIONS)
    (source / "images" / "p0" / "0.png").unlink()
    Image.new("RGB", (10, 6)).save(source / "images" / "p0" / "0.png")
    (source / "masks" / "p0" / "0.png").write_bytes(bomb)
    with pytest.raises(UserError, match=r"masks/p0/0\.png: .*more than 50,000,000 pixels"):
        import_data("folder", source, tmp_path / "out", OPTIONS)


def test_missing_masks_and_images_are_named_and_listed(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    (source / "masks" / "p0" / "2.png").unlink()
    (source / "images" / "p1" / "1.jpg").unlink()
    with pytest.raises(
        UserError,
        match=r"images/p0/2\.png: its mask masks/p0/2\.png is missing \(--unmasked-is-background takes .*; mend it, or",
    ):
        import_data("folder", source, tmp_path / "out", OPTIONS)
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES, skip_bad=True))
    assert report.skipped_lines() == [
        "images/p0/2.png: its mask masks/p0/2.png is missing (--unmasked-is-background takes such images as showing no "
        "class)",
        "masks/p1/1.png: has no image images/p1/1",
    ]
    assert sorted(masks_of(tmp_path / "out")) == ["p0/0.png", "p1/3.jpg"]


def test_links_that_leave_the_source_are_refused(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    draw_folder(tmp_path / "other")
    (source / "images" / "p2").symlink_to(tmp_path / "other" / "images" / "p0")
    with pytest.raises(UserError, match=r"p2: is a link to a folder; put the folder itself there"):
        import_data("folder", source, tmp_path / "out", OPTIONS)
    (source / "images" / "p2").unlink()
    (source / "images" / "p0" / "0.png").unlink()
    (source / "images" / "p0" / "0.png").symlink_to(tmp_path / "other" / "images" / "p0" / "0.png")
    with pytest.raises(UserError, match="leaves its folder over a symbolic link"):
        import_data("folder", source, tmp_path / "out", OPTIONS)


def test_two_images_of_one_mask_are_refused(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "plain")
    Image.new("RGB", (10, 6)).save(source / "images" / "p0" / "0.bmp")
    with pytest.raises(UserError, match=r"p0/0\.png: another image has the same name \(endings aside\)"):
        import_data("folder", source, tmp_path / "out", OPTIONS)


def test_subjects_and_splits_from_paths(tmp_path: Path) -> None:
    rules = Rules(subject_pattern=BY_FOLDER, test_subjects=("p1",))
    options = ImportOptions(places=PLACES, rules=rules)
    import_data("folder", draw_folder(tmp_path / "plain"), tmp_path / "out", options)
    assigned = [(row.subject, row.split) for row in read(tmp_path / "out").rows]
    assert assigned == [("p0", "train"), ("p0", "train"), ("p1", "test"), ("p1", "test")]


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        (Rules(subject_pattern="("), "--subject-pattern is no regular expression"),
        (Rules(subject_pattern="p."), r"--subject-pattern needs the group \(\?P<subject>\.\.\.\)"),
        (Rules(subject_pattern="(?P<subject>p)(?P<x>.)"), "may have subject, split, generation"),
        (Rules(subject_pattern="(?P<subject>q)"), r"p0/0\.png: does not match the pattern"),
        (Rules(split_pattern=r"(?P<split>\d)\."), "its split must be one of train, .*, but got '0'"),
        (Rules(subject_pattern="(?P<subject>p)", test_subjects=("p9",)), None),
        (
            Rules(subject_pattern="(?P<subject>p)", split_pattern=r"(?P<split>)(0|2)|(?P<subject>q)"),
            "--split-pattern is no|does not match",
        ),
    ],
)
def test_bad_patterns_are_named(tmp_path: Path, rules: Rules, what: str | None) -> None:
    source, options = draw_folder(tmp_path / "plain"), ImportOptions(places=PLACES, rules=rules)
    if what is None:
        report = import_data("folder", source, tmp_path / "out", options)
        assert report.notices() == ["--test-subjects names subjects without images: p9"]
        return
    with pytest.raises(UserError, match=what):
        import_data("folder", source, tmp_path / "out", options)


def test_a_subject_in_two_splits_is_refused_even_when_bad_files_are_skipped(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("image,subject,split\np0/0.png,ann,train\np0/2.png,ann,test\np1/1.jpg,b,\np1/3.jpg,b,\n")
    options = ImportOptions(places=PLACES, rules=Rules(subjects=table), skip_bad=True)
    what = r"subject ann is in two splits: p0/0\.png in train, p0/2\.png in test; put all images of one subject"
    with pytest.raises(UserError, match=what):
        import_data("folder", draw_folder(tmp_path / "plain"), tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("image;subject\n", "the first line must be image,subject,split, but got 'image;subject'"),
        ("image,subject,split\na.png,ann,train,x\n", "line 2: must be image,subject,split"),
        ("image,subject,split\na.png,ann,east\n", "line 2: split must be train or test, but got 'east'"),
        ("image,subject\na.png,ann\na.png,bob\n", r"line 3: a\.png is listed twice"),
        ("image,subject\na.png,ann\n", r"p0/0\.png: is not listed in people\.csv \(which begins with a\.png;"),
        ("image,subject\n\x00", "line 2: must be image,subject,split"),
    ],
)
def test_bad_csv_files_are_named(tmp_path: Path, text: str, what: str) -> None:
    table = tmp_path / "people.csv"
    table.write_text(text)
    with pytest.raises(UserError, match=what):
        import_data(
            "folder",
            draw_folder(tmp_path / "plain"),
            tmp_path / "out",
            ImportOptions(places=PLACES, rules=Rules(subjects=table)),
        )
