"""The native data-set folder: every fault is named, and nothing outside the folder is touched."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import IGNORE, check, decode, fingerprint, read
from seatbelt.data.datasets.manifest import Row
from seatbelt.errors import UserError
from tests.conftest import MakeData

Lines = list[list[str]]


@pytest.fixture
def root(make_data: MakeData) -> Path:
    """Two real images of each of p0 (test), p1, p2 and one synthetic image; see conftest.draw_data."""
    return make_data(subjects=3, images=2, test_subjects=1, generations={"3": 1}, height=8, width=16)


def manifest(root: Path, change: Callable[[Lines], Any]) -> None:
    with (root / "manifest.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    change(lines)
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def put(root: Path, line: int, column: str, value: str) -> None:
    place = ["image", "mask", "domain", "generation", "subject", "split"].index(column)
    manifest(root, lambda lines: lines[line].__setitem__(place, value))


def describe(root: Path, **changes: Any) -> None:
    path = root / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def faults(root: Path) -> list[str]:
    return [str(fault) for fault in check(root)]


def test_a_sound_set_has_no_fault_and_reads_as_written(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert check(root, lambda done, total: seen.append((done, total))) == []
    assert seen == [(1, 7), (2, 7), (3, 7), (4, 7), (5, 7), (6, 7), (7, 7)]
    dataset = read(root)
    assert (dataset.name, dataset.target) == ("stripes", "seat_belt")
    assert dataset.classes == {"background": 0, "seat_belt": 1, "hair": 2}
    assert dataset.rows[0] == Row(
        image="images/p0-0.png",
        mask="masks/p0-0.png",
        domain="real",
        generation="",
        subject="p0",
        split="test",
    )
    image, mask = decode(dataset, dataset.rows[0])
    assert (image.shape, mask.shape) == ((8, 16, 3), (8, 16))
    assert set(np.unique(mask)) <= {0, 1, 2}


def test_check_names_every_fault_of_one_set(root: Path) -> None:
    (root / "images" / "p0-0.png").unlink()
    Image.new("L", (15, 8)).save(root / "masks" / "p0-1.png")
    mask = np.zeros((8, 16), np.uint8)
    mask[0, :3] = (7, 9, IGNORE)
    Image.fromarray(mask).save(root / "masks" / "p1-0.png")
    image = root / "images" / "p1-1.png"
    image.write_bytes(image.read_bytes()[:200])
    put(root, 6, "subject", "p0")
    reported = faults(root)
    assert reported[0] == "subject p0: is in two splits (test and train)"
    assert reported[1] == "images/p0-0.png: the file is missing"
    assert reported[2] == "masks/p0-1.png: the mask is 15x8, but its image 16x8"
    assert reported[3] == "masks/p1-0.png: class index without a name: 7, 9"
    assert reported[4].startswith("images/p1-1.png: the image cannot be decoded (")
    assert len(reported) == 5


LINE_FAULTS = {
    "domain": ("Real", "domain must be real or synthetic, but got 'Real'"),
    "split": ("validation", "split must be train, test or empty, but got 'validation'"),
    "image": ("", "image is empty"),
    "mask": ("", "mask is empty"),
    "subject": ("p1 ", "subject 'p1 ' begins or ends with a space"),
    "generation": ("3\x1b[31m", "generation '3\\x1b[31m' holds a control character"),
}


@pytest.mark.parametrize(("column", "value", "what"), [(k, *v) for k, v in LINE_FAULTS.items()])
def test_a_wrong_field_is_named_by_its_line(root: Path, column: str, value: str, what: str) -> None:
    put(root, 4, column, value)
    assert faults(root) == [f"manifest.csv line 5: {what}"]
    with pytest.raises(UserError, match=re.escape(f"data set {root}: manifest.csv line 5: {what}; see")):
        read(root)


@pytest.mark.parametrize("column", ["image", "mask"])
@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "images/../../secret.png",
        "/etc/passwd",
        "images\\p1-1.png",
        "images/link.png",
        "out/x",
    ],
)
def test_a_path_never_leaves_the_folder(root: Path, column: str, name: str) -> None:
    outside = root.parent / "secret.png"
    Image.new("RGB", (16, 8)).save(outside)
    (root / "images" / "link.png").symlink_to(outside)
    (root / "out").symlink_to(root.parent)
    put(root, 4, column, name)
    assert faults(root) == [f"manifest.csv line 5: {column} {name!r} leaves the data-set folder"]


def test_a_link_within_the_folder_is_no_fault(root: Path) -> None:
    (root / "images" / "link.png").symlink_to(root / "images" / "p1-1.png")
    put(root, 4, "image", "images/link.png")
    assert faults(root) == []


@pytest.mark.parametrize("other", ["images/p0-0.png", "images/./p0-0.png", "images//p0-0.png"])
def test_an_image_that_is_listed_twice(root: Path, other: str) -> None:
    manifest(root, lambda lines: lines.append([other, "masks/p1-0.png", "real", "", "p0", "test"]))
    assert faults(root) == ["manifest.csv line 9: images/p0-0.png is listed in line 2 already"]


@pytest.mark.parametrize("fields", [5, 7])
def test_a_line_with_too_few_or_too_many_fields(root: Path, fields: int) -> None:
    manifest(root, lambda lines: lines.__setitem__(2, [*lines[2], "more"][:fields]))
    assert faults(root) == ["manifest.csv line 3: must have 6 fields"]


def tag(root: Path, *columns: str) -> None:
    """Add columns (name, then one value for all but the first line, which has none) to the manifest."""

    def change(lines: Lines) -> None:
        for name, value in zip(columns[::2], columns[1::2], strict=True):
            for number, line in enumerate(lines):
                line.append(name if number == 0 else "" if number == 1 else value)

    manifest(root, change)


def test_further_columns_are_tags(root: Path) -> None:
    before = fingerprint(read(root))
    tag(root, "nothing", "")
    assert fingerprint(read(root)) == before, "a column without values changes nothing"
    tag(root, "seat", "empty", "belt_colour", "dark red")
    assert faults(root) == []
    rows = read(root).rows
    assert rows[0].tags == ()
    assert rows[1].tags == (("belt_colour", "dark red"), ("seat", "empty"))
    assert (rows[1].tag("seat"), rows[1].tag("nothing"), rows[0].tag("seat")) == ("empty", None, None)
    assert fingerprint(read(root)) != before


def test_faulty_tags_are_named(root: Path) -> None:
    tag(root, "seat", "empty")
    manifest(root, lambda lines: lines[3].__setitem__(6, " empty"))
    manifest(root, lambda lines: lines[4].pop())
    assert faults(root) == [
        "manifest.csv line 4: seat ' empty' begins or ends with a space",
        "manifest.csv line 5: must have 7 fields",
    ]


def test_read_counts_the_other_faults(root: Path) -> None:
    put(root, 1, "domain", "x")
    put(root, 2, "domain", "y")
    what = r"line 2: domain must be real or synthetic, but got 'x' \(and 1 more faults\); see `seatbelt data"
    with pytest.raises(UserError, match=what):
        read(root)


def test_a_set_without_images_is_a_fault(root: Path) -> None:
    manifest(root, lambda lines: lines.__delitem__(slice(1, None)))
    assert faults(root) == ["manifest.csv: lists no images"]
    with pytest.raises(UserError, match=r"manifest\.csv lists no images; add one line per image"):
        read(root)


@pytest.mark.parametrize("opened", [read, check])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "manifest.csv is missing; it lists images and masks"),
        (
            b"",
            r"the first line of manifest.csv must be image,mask,domain,generation,subject,split \(and further columns "
            r"may follow\), but got ''",
        ),
        (
            b"image,mask,domain,generation,subject,split,seat,seat\n",
            "the first line of manifest.csv names the column seat twice",
        ),
        (
            b"image,mask,domain,generation,subject,split,belt colour\n",
            "the first line of manifest.csv names the column 'belt colour', but a name consists of letters, digits, _",
        ),
        (b"image;mask\n", "the first line of manifest.csv must be image,mask,.*, but got 'image;mask'"),
        (b"\xff\xfe\x00", "manifest.csv cannot be read \\('utf-8' codec"),
        (b'image,mask,domain,generation,subject,split\n"a', "manifest.csv cannot be read \\(unexpected end"),
    ],
)
def test_a_manifest_that_cannot_be_used(
    root: Path, opened: Callable[[Path], Any], content: bytes | None, what: str
) -> None:
    (root / "manifest.csv").unlink()
    if content is not None:
        (root / "manifest.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"data set {root}: {what}"):
        opened(root)


def test_a_byte_order_mark_of_a_spreadsheet_is_no_fault(root: Path) -> None:
    for name in ("manifest.csv", "dataset.json"):
        (root / name).write_bytes(b"\xef\xbb\xbf" + (root / name).read_bytes())
    assert faults(root) == []


@pytest.mark.parametrize("opened", [read, check])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "dataset.json is missing; it names the classes and the target"),
        ("{", "dataset.json cannot be read as JSON"),
        ("[" * 100_000, "dataset.json cannot be read as JSON"),
        ("[]", "dataset.json: must be an object with format, name, classes and target"),
    ],
)
def test_a_description_that_cannot_be_used(
    root: Path, opened: Callable[[Path], Any], content: str | None, what: str
) -> None:
    (root / "dataset.json").unlink()
    if content is not None:
        (root / "dataset.json").write_text(content)
    with pytest.raises(UserError, match=f"data set {root}: {what}"):
        opened(root)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"format": 0}, "format must be 1, but got 0"),
        ({"format": 2}, r"was made by a newer version of seatbelt \(format 2, this one reads 1\)"),
        ({"name": ""}, "name must be a non-empty text"),
        ({"name": 3}, "name must be a non-empty text"),
        ({"classes": ["seat_belt"]}, "classes must map each name to an index from 0 to 254"),
        ({"classes": {"seat_belt": 255}}, "classes must map each name to an index from 0 to 254"),
        ({"classes": {"seat_belt": True}}, "classes must map each name to an index from 0 to 254"),
        ({"classes": {"seat_belt": 1, "hair": 1}}, "two classes share one index"),
        ({"target": "bag"}, "target must be one of the classes, but got 'bag'"),
        ({"target": ["hair"]}, r"target must be one of the classes, but got \['hair'\]"),
    ],
)
def test_a_description_with_wrong_values(root: Path, changes: dict[str, Any], what: str) -> None:
    describe(root, **changes)
    with pytest.raises(UserError, match=f"data set {root}: dataset.json: {what}"):
        check(root)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UserError, match="there is no such folder"):
            read(path)


def test_decode_refuses_in_one_line_what_check_would_name(root: Path) -> None:
    dataset = read(root)
    Image.new("L", (15, 8)).save(root / "masks" / "p0-0.png")
    with pytest.raises(
        UserError, match=r"masks/p0-0\.png: the mask is 15x8, but its image 16x8; masks must have their image"
    ):
        decode(dataset, dataset.rows[0])
    (root / "images" / "p0-1.png").unlink()
    with pytest.raises(UserError, match=r"images/p0-1\.png: the file is missing; see `seatbelt data check"):
        decode(dataset, dataset.rows[1])
    with pytest.raises(UserError, match=r"images/p0-1.png cannot be read \(No such file or directory\)"):
        fingerprint(dataset)


@pytest.mark.parametrize("change", ["class", "target", "split", "image", "mask"])
def test_the_fingerprint_sees_every_change(root: Path, change: str) -> None:
    before = fingerprint(read(root))
    assert fingerprint(read(root)) == before
    if change == "class":
        describe(root, classes={"background": 0, "seat_belt": 1, "hair": 3})
    elif change == "target":
        describe(root, target="hair")
    elif change == "split":
        manifest(root, lambda lines: [line.__setitem__(5, "test") for line in lines if line[4] == "p1"])
    else:
        path = root / f"{change}s" / "p1-0.png"
        path.write_bytes((root / f"{change}s" / "p2-0.png").read_bytes())
    assert fingerprint(read(root)) != before
