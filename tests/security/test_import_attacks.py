"""Sources of importers: no file outside is read, no archive unpacked, no XML or YAML parsed."""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import check
from seatbelt.data.importers import ImportOptions, Places, import_data
from seatbelt.errors import UserError
from tests.command_line import mistake
from tests.seatbelt.data.importers.drawing import draw_coco, draw_folder, draw_solo, draw_voc
from tests.security.test_image_bombs import png


def run_import(form: str, source: Path, out: Path) -> None:
    classes = {"background": 0, "seat_belt": 1, "hair": 2} if form == "folder" else None
    import_data(form, source, out, ImportOptions(target="seat_belt", places=Places(classes=classes)))


ESCAPES = [
    "../../secret.png",
    "/etc/passwd",
    "link.png",
    "a/../../secret.png",
    "C:\\x.png",
    "\x1b[31m.png",
    "a\nb.png",
    "..",
    "",
]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("form", ["coco", "solo image", "solo mask", "voc"])
def test_sources_name_no_file_outside(tmp_path: Path, form: str, name: str) -> None:
    Image.new("RGB", (10, 6)).save(tmp_path / "secret.png")
    source = tmp_path / "source"
    if form == "coco":
        draw_coco(source)
        path, folder = source / "annotations" / "instances.json", source / "images"
        description = json.loads(path.read_text())
        description["images"][0]["file_name"] = name
        path.write_text(json.dumps(description))
    elif form.startswith("solo"):
        draw_solo(source)
        folder = source / "sequence.0"
        path = folder / "step0.frame_data.json"
        description = json.loads(path.read_text())
        capture = description["captures"][0]
        (capture if form == "solo image" else capture["annotations"][1])["filename"] = name
        path.write_text(json.dumps(description))
    else:
        draw_voc(source)
        folder = source / "SegmentationClass"
        lists = source / "ImageSets" / "Segmentation" / "train.txt"
        lists.write_text(name.removesuffix(".png") + "\np1_a\n")
        (source / "JPEGImages" / "link.png").symlink_to(tmp_path / "secret.png")
        if name in ("", "a\nb.png"):
            pytest.skip("a line is no such name")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError) as caught:
        run_import(form.partition(" ")[0], source, tmp_path / "out")
    assert str(caught.value).isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["labelmap.txt", "ImageSets/Segmentation/train.txt"])
def test_lists_of_names_are_files_of_the_source(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    source = draw_voc(tmp_path / "source")
    (source / place).unlink()
    (source / place).symlink_to(tmp_path / "secret")
    with pytest.raises(UserError) as caught:
        run_import("voc", source, tmp_path / "out")
    assert "hunter2" not in str(caught.value)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ENTITIES = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise(_LETTERS))
LAUGHS = f"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{_ENTITIES}<!ENTITY file SYSTEM "file:///etc/passwd">]>
<annotation><folder>&z;</folder><filename>&file;</filename></annotation>"""


def test_xml_beside_voc_masks_is_never_read(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "source")
    (source / "Annotations").mkdir()
    for path in (source / "Annotations" / "p0_a.xml", source / "annotations.xml"):
        path.write_text(LAUGHS)
        path.chmod(0)
    run_import("voc", source, tmp_path / "out")
    assert check(tmp_path / "out") == []


@pytest.mark.parametrize("form", ["voc", "coco", "solo", "folder"])
@pytest.mark.parametrize("content", [LAUGHS.encode(), b"zip", b"!!python/object/apply:os.mkdir [owned]\n"])
def test_archives_xml_and_yaml_are_no_sources(
    tmp_path: Path, form: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "source"
    path.write_bytes(content)
    if content == b"zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("images/x.png", b"\0" * 100_000_000)
            archive.writestr("../../escaped.txt", "x")
    with pytest.raises(UserError, match=r"unpack archives first|cannot be read as JSON"):
        run_import(form, path, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


@pytest.mark.parametrize(
    "command", [["sweep", "{evil}"], ["data", "import", "voc", "{voc}", "--out", "new", "--colours", "{evil}"]]
)
def test_a_yaml_with_python_tags_is_run_nowhere(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_voc(tmp_path / "voc")
    (tmp_path / "evil.yaml").write_text("!!python/object/apply:os.mkdir [owned]\n")
    arguments = [part.format(evil="evil.yaml", voc="voc") for part in command]
    mistake(*arguments)
    assert not (tmp_path / "owned").exists()


Draw = Callable[[Path], Path]


@pytest.mark.parametrize(("form", "draw"), [("folder", draw_folder), ("voc", draw_voc), ("coco", draw_coco)])
def test_an_image_bomb_ends_an_import(tmp_path: Path, form: str, draw: Draw) -> None:
    source = draw(tmp_path / "source")
    image = next(path for path in sorted(source.rglob("*.png")) if "mask" not in str(path) and "Class" not in str(path))
    image.write_bytes(png(60000, 60000))
    with pytest.raises(UserError, match="pixels"):
        run_import(form, source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
