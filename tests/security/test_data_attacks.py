"""Foreign native data sets cannot name files outside their folder and cannot control the terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import check, fingerprint, read
from seatbelt.errors import UserError
from tests.command_line import seatbelt
from tests.conftest import MakeData

HEADER = "image,mask,domain,generation,subject,split\n"
OUTSIDE = [
    "../secret.png",
    "/etc/passwd",
    "images/../../secret.png",
    "link.png",
    "linked/secret.png",
    "images\\..\\x.png",
]


@pytest.fixture
def root(make_data: MakeData, tmp_path: Path) -> Path:
    dataset = make_data(subjects=2, images=1, test_subjects=1)
    (tmp_path / "outside").mkdir()
    for path in (tmp_path / "secret.png", tmp_path / "outside" / "secret.png"):
        Image.new("L", (64, 32)).save(path)
    (dataset / "link.png").symlink_to(tmp_path / "secret.png")
    (dataset / "linked").symlink_to(tmp_path / "outside")
    return dataset


@pytest.mark.parametrize("column", ["image", "mask"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_manifest_names_no_file_outside(root: Path, column: str, name: str) -> None:
    names = {"image": "images/p0-0.png", "mask": "masks/p0-0.png", column: name}
    (root / "manifest.csv").write_text(f"{HEADER}{names['image']},{names['mask']},real,,p0,train\n")
    assert [fault.what for fault in check(root)] == [f"{column} {name!r} leaves the data-set folder"]
    with pytest.raises(UserError, match=r"line 2: .* leaves the data-set folder"):
        read(root)


@pytest.mark.parametrize("name", ["dataset.json", "manifest.csv"])
@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_the_two_files_are_files_of_the_folder(root: Path, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "secret").write_text("hunter2,x\n")
    (root / name).unlink()
    if kind == "pipe":
        os.mkfifo(root / name)
    else:
        (root / name).symlink_to(tmp_path / "secret" if kind == "link" else "/dev/zero")
    with pytest.raises(UserError, match=f"{name} is not a file in this folder; put the file itself there") as caught:
        read(root)
    assert "hunter2" not in str(caught.value)


def test_a_pipe_among_the_images_blocks_nobody(root: Path) -> None:
    (root / "images" / "p0-0.png").unlink()
    os.mkfifo(root / "images" / "p0-0.png")
    with pytest.raises(UserError, match=r"images/p0-0.png cannot be read"):
        fingerprint(read(root))
    assert [fault.what for fault in check(root)] == ["is no file"]


def test_a_manifest_does_not_steer_the_terminal(root: Path) -> None:
    names = ["\x1b[2J\x1b]0;owned\x07.png", "\x9b31m.png", "a\u202egnp.exe", "\x00.png", "../\x1b[31m.png"]
    lines = [f'"images/{name}",masks/p0-0.png,real,,p0\x1b[31m,train\n' for name in names]
    (root / "manifest.csv").write_text(HEADER + "".join(lines))
    for arguments in (
        ["data", "check", str(root)],
        ["data", "show", str(root)],
        ["sweep", "mixing", "--data", str(root)],
    ):
        result = seatbelt(*arguments)
        assert result.code == 2
        assert result.text.replace("\n", "").isprintable()
        assert "holds a control character" in result.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "\x1b]0;owned\x07"),
        ("classes", {"background": 0, "seat_belt": 1, "\x1b[31mhair": 2}),
        ("format", "\x1b[2J"),
    ],
)
def test_a_description_does_not_steer_the_terminal(root: Path, field: str, value: object) -> None:
    description = json.loads((root / "dataset.json").read_text()) | {field: value}
    (root / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(UserError) as caught:
        read(root)
    assert str(caught.value).isprintable()
