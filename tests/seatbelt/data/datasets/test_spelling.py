"""Names of files that a manifest or a list spells otherwise than the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatbelt.data.datasets.manifest import COLUMNS, read_manifest
from seatbelt.data.datasets.spelling import spelled
from seatbelt.data.importers.walking import with_image_suffix

NFC, NFD = "Z\u00fcrich", "Zu\u0308rich"


@pytest.mark.parametrize(
    ("written", "on_disk"),
    [
        (f"{NFC}.png", f"{NFD}.png"),
        (f"{NFD}.png", f"{NFC}.png"),
        ("a.jpg", "a.JPG"),
        ("a.JPG", "a.jpg"),
        ("a.png", "a.Png"),
        (f"b/{NFC}.jpeg", f"b/{NFD}.JPEG"),
        ("same.png", "same.png"),
    ],
)
def test_the_manifest_takes_the_name_on_the_disk(tmp_path: Path, written: str, on_disk: str) -> None:
    for name in (on_disk, f"mask/{on_disk}"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    lines = [",".join(COLUMNS), f"{written},mask/{written},real,,p,train"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (row,), faults = read_manifest(tmp_path)
    assert faults == []
    assert (row.image, row.mask) == (on_disk, f"mask/{on_disk}")


def test_two_lines_of_one_file_are_reported(tmp_path: Path) -> None:
    (tmp_path / f"{NFD}.JPG").write_bytes(b"")
    lines = [",".join(COLUMNS), *(f"{name},m.png,real,,p,train" for name in (f"{NFC}.jpg", f"{NFD}.JPG"))]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows, faults = read_manifest(tmp_path)
    assert len(rows) == 1
    assert "is listed in line 2 already" in faults[0].what


@pytest.mark.parametrize("name", ["a.JPG", "a.Jpg", "a.Png", f"{NFD}.TIFF"])
def test_importers_take_the_name_on_the_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    stem = NFC if name.startswith(NFD) else "a"
    assert with_image_suffix(tmp_path, stem) == name


@pytest.mark.parametrize("name", ["A.jpg", "a", "a.jpg.png", "b/a.jpg"])
def test_other_names_are_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert spelled(tmp_path, name) is None
