from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import save

import seatbelt
from runners.models.trained_model import member_tensors
from seatbelt.errors import UserError
from seatbelt.inference.folder import check_place, write_model
from seatbelt.inference.record import parse_record, read_record
from tests.seatbelt.inference.models import picture, record, untrained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = untrained(record())
    place = tmp_path / "model"
    write_model(place, model.record, weights=save(member_tensors(model)), graphs={}, texts={"README.md": b"# card\n"})
    return place


def test_a_record_is_read_as_it_was_written() -> None:
    described = record(context=("hair", "shirt"), members=2, files={"model.safetensors": "0" * 64})
    assert parse_record(described.text(), "here") == described


def test_a_loaded_model_predicts_as_the_written_one(folder: Path) -> None:
    loaded, image = seatbelt.load_model(folder), picture(50, 70)
    expected = untrained(record()).predict(image)
    assert (loaded.predict(image).probabilities == expected.probabilities).all()
    assert repr(loaded) == "Model(fpn with lite0, 40x56, labels seat_belt)"


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.95])
def test_a_changed_byte_is_an_error(folder: Path, name: str, where: float) -> None:
    content = bytearray((folder / name).read_bytes())
    place = int(len(content) * where)
    content[place] = content[place] ^ 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=r"export the model again|format"):
        seatbelt.load_model(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, r"was made by a newer version of seatbelt \(format 2, this one reads 1\)"),
        ({"format": 0}, r"has the format 0, but this version of seatbelt reads 1"),
        ({"format": "x"}, r"has the format 'x'"),
        ({"threshold": 2}, r"was changed since it was written"),
    ],
)
def test_other_formats_are_refused(folder: Path, values: dict[str, object], message: str) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(UserError, match=message):
        read_record(folder)


def test_what_is_no_model_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*nowhere; `seatbelt model SWEEP --out DIR`"):
        read_record(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"is no model folder: it has no model\.json"):
        read_record(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read \(No such file or directory\)"):
        seatbelt.load_model(folder)
    (folder / "model.json").write_text("[1]")
    with pytest.raises(UserError, match=r"does not describe a model"):
        read_record(folder)


def test_nothing_is_written_over_other_files(folder: Path, tmp_path: Path) -> None:
    check_place(tmp_path / "new")
    with pytest.raises(UserError, match=r"holds a model already; --force replaces it"):
        check_place(folder)
    check_place(folder, force=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds other files \(notes\.txt\); name an empty folder"):
        check_place(folder)
    check_place(folder, allowed=("notes.txt", "README.md", "model.json", "model.safetensors"))
    with pytest.raises(UserError, match=r"is a file; name a folder"):
        check_place(folder / "notes.txt")


def test_a_replaced_model_leaves_no_file_of_the_earlier_one(folder: Path) -> None:
    model = untrained(record())
    (folder / "model.onnx").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    write_model(folder, model.record, weights=save(member_tensors(model)), graphs={}, texts={})
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors", "notes.txt"]
