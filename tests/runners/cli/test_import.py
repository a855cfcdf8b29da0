"""`data import` and `data export` as a user types them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.command_line import seatbelt
from tests.conftest import MakeData
from tests.seatbelt.data.importers.drawing import draw_coco, draw_folder, draw_solo, draw_voc, drawn_mask, masks_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("form", "draw"), [("solo", draw_solo), ("coco", draw_coco), ("voc", draw_voc), ("folder", draw_folder)]
)
def test_every_format_passes_data_check(tmp_path: Path, form: str, draw: object) -> None:
    assert callable(draw)
    draw(tmp_path / "source")
    done = seatbelt(
        "data", "import", form, "source", "--out", "native", "--classes", "seat_belt,hair", "--generation", "7"
    )
    assert done.code == 0
    assert all(line.startswith("warning: ") for line in done.err.splitlines())
    assert "seat_belt appears in only 2 of " in done.err
    assert ("4 of 4 images have no subject" in done.err) == (form != "solo")
    first, second = done.out.splitlines()
    assert first == (
        "wrote native: 4 images (seat_belt in 2, hair in 3); target seat_belt; "
        "look at it with: seatbelt data show native"
    )
    assert second.startswith("seat_belt appears in ")
    checked = seatbelt("data", "check", "native")
    # No image on VOC's list for training shows a belt.
    assert checked.code == (2 if form == "voc" else 0), checked.err
    what = (
        "none of the 2 real train images shows the target" if form == "voc" else "native: 4 images, no faults; target"
    )
    assert what in checked.out
    assert np.array_equal(next(iter(masks_of(tmp_path / "native").values())), drawn_mask(0))


def test_the_first_bad_file_ends_it_unless_skipped(tmp_path: Path) -> None:
    draw_folder(tmp_path / "plain")
    (tmp_path / "plain" / "masks" / "p0" / "0.png").write_bytes(b"")
    command = ("data", "import", "folder", "plain", "--out", "native", "--classes", "seat_belt,hair")
    done = seatbelt(*command)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: plain: masks/p0/0.png: the image cannot be decoded as PNG; fix it, or skip such files with --skip-bad\n"
    )
    assert not (tmp_path / "native").exists()
    done = seatbelt(*command, "--skip-bad", "--subject-pattern", "^(?P<subject>p[0-9])", "--test-subjects", "p1")
    assert done.code == 0
    assert done.err.endswith("skipped: masks/p0/0.png: the image cannot be decoded as PNG\n1 skipped\n")
    assert "wrote native: 3 images" in done.out


def test_export_and_import_again(make_data: MakeData, tmp_path: Path) -> None:
    make_data()
    done = seatbelt("data", "export", "coco", "stripes", "--out", "coco")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("wrote coco/annotations.json: 12 images; read it back with:")
    done = seatbelt("data", "import", "coco", "coco", "--out", "again")
    warning = "warning: seat_belt appears in only 3 of 4 real test images: single images determine the score\n"
    assert (done.code, done.err) == (0, warning)
    first, second = masks_of(tmp_path / "stripes"), masks_of(tmp_path / "again")
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("command", ["import", "export"])
def test_help_has_an_example(command: str) -> None:
    done = seatbelt("data", command, "--help")
    assert done.code == 0
    assert f"seatbelt data {command}" in done.out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["import", "solo", "nowhere", "--out", "x"], "error: nowhere: there is no such file or folder"),
        (["import", "folder", "plain", "--out", "x", "--classes", "a=b"], "error: --classes takes numbers from 0"),
        (["import", "folder", "plain", "--out", "x", "--test-subjects", "a,,b"], "error: --test-subjects takes NAME"),
        (["import", "folder", "plain", "--out", "plain"], "error: "),
        (["export", "coco", "nowhere", "--out", "x"], "error: data set nowhere: there is no such folder"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], text: str) -> None:
    draw_folder(tmp_path / "plain")
    done = seatbelt("data", *arguments)
    assert done.code == 2
    assert done.err.startswith(text) and done.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain"]
