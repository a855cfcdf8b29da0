"""Malicious weights, checkpoints and caches: nothing in them is run, and what is wrong is one clear error."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import resource
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seatbelt.config.trial import ModelConfig
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.data.loading.decoded_cache import open_decoded
from seatbelt.errors import UserError
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve
from seatbelt.models.weights_file import load_encoder
from seatbelt.records.identity import content_hash
from seatbelt.training.checkpoint import Checkpoint, CheckpointFolder
from tests.command_line import seatbelt
from tests.conftest import MakeData


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def legacy_pickle(path: Path) -> bytes:
    return pickle.dumps(Bomb(path))


def torch_archive(path: Path) -> bytes:
    file = io.BytesIO()
    torch.save({"conv1.weight": Bomb(path)}, file)
    return file.getvalue()


def torch_legacy(path: Path) -> bytes:
    file = io.BytesIO()
    torch.save({"conv1.weight": Bomb(path)}, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize("payload", [legacy_pickle, torch_archive, torch_legacy], ids=lambda payload: payload.__name__)
@pytest.mark.parametrize("name", ["x.pth", "x.pt", "x.bin", "x.safetensors", "resnet18.pth"])
def test_a_pickle_bomb_as_weights_is_not_run(tmp_path: Path, payload: Any, name: str) -> None:
    (tmp_path / name).write_bytes(payload(tmp_path / "owned"))
    with pytest.raises(UserError, match=r"cannot be loaded as tensors only \(.*\); bring a state dict$") as caught:
        load(tmp_path / name)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "owned").exists()


def test_a_pickle_as_weights_is_refused_by_the_command_line(make_data: MakeData, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(legacy_pickle(tmp_path / "owned"))
    result = seatbelt(
        *("sweep", "architecture", "--data", str(make_data()), "--engine", "in-process"),
        *("--set", "encoder=resnet18", "--set", "decoder=fpn", "--fix", f"weights=file:{tmp_path / 'x.pth'}"),
        *("--max-epochs", "1", "--out", str(tmp_path / "sweeps")),
    )
    assert result.code == 2
    assert "cannot be loaded as tensors only" in result.err
    assert not (tmp_path / "owned").exists()


def load(path: Path) -> None:
    network = build(
        ModelConfig(encoder="resnet18", decoder="fpn", weights="none"), 1, weights=resolve("resnet18", "none")
    )
    load_encoder(network, "resnet18", resolve("resnet18", f"file:{path}"))


@pytest.mark.slow
def test_a_zip_bomb_as_weights_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"conv1.weight": torch.zeros(50_000_000)}, file)
    with zipfile.ZipFile(file) as plain, zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in plain.infolist():
            packed.writestr(part.filename, plain.read(part))
    assert (tmp_path / "x.pth").stat().st_size < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"cannot be loaded as tensors only \(it is compressed\)"):
        load(tmp_path / "x.pth")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "KiB"


@pytest.mark.parametrize("value", [torch.zeros(2, 2).to_sparse(), torch.zeros(2, 2, device="meta")])
def test_tensors_without_plain_values_do_not_fit(tmp_path: Path, value: torch.Tensor) -> None:
    torch.save({"conv1.weight": value}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"do not fit the encoder resnet18 .*|cannot be loaded as tensors only"):
        load(tmp_path / "x.pth")


def lying(header: dict[str, Any] | bytes, length: int | None = None, data: bytes = b"\0" * 12) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


LIES = {
    "header longer than the file": lying({}, length=2**60),
    "header of 90 MB": lying({}, length=90_000_000),
    "more data than there are": lying({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
    "shape that overflows": lying({"w": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 12]}}),
    "offsets that overlap": lying(
        {
            "a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
            "b": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
        }
    ),
    "negative offsets": lying({"w": {"dtype": "F32", "shape": [3], "data_offsets": [-12, 0]}}),
    "unknown type": lying({"w": {"dtype": "PICKLE", "shape": [3], "data_offsets": [0, 12]}}),
    "nested without end": lying(b"[" * 100_000),
    "nothing": b"",
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES.keys())
def test_safetensors_with_a_lying_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="cannot be loaded as tensors only") as caught:
        load(tmp_path / "x.safetensors")
    assert str(caught.value).isprintable()
    # The same file as a checkpoint whose manifest has its correct hash.
    reports: list[str] = []
    folder = CheckpointFolder(tmp_path / "checkpoint", reports.append)
    state = {"w": torch.zeros(3)}
    folder.save(Checkpoint(epoch=1, weights=state, optimizer=state, trainer={}, log=[]), (1, None))
    replace_weights(Path(folder._storage.location), "weights-000001.safetensors", content)
    assert folder.newest() is None
    assert "holds no tensors" in reports[0]
    with pytest.raises(UserError, match=r"no valid weights are stored there .* holds no tensors"):
        folder.best_weights()


def replace_weights(root: Path, name: str, content: bytes | None, **entry: Any) -> None:
    """Write other weights, or a manifest that names others, with hashes that are true."""
    path = root / "epoch-000001.json"
    manifest = json.loads(path.read_text())
    manifest.pop("sha256")
    entries = {"name": name, **entry}
    if content is not None:
        (root / name).write_bytes(content)
        entries |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest["files"]["weights"] = manifest["files"]["best"] = entries
    path.write_text(json.dumps(manifest | {"sha256": content_hash(manifest)}))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/dev/zero", "/etc/passwd", "epoch-000001.json", "", "a/b"])
def test_a_checkpoint_names_no_file_outside(tmp_path: Path, name: str) -> None:
    secret = b"hunter2"
    (tmp_path / "secret.safetensors").write_bytes(secret)
    reports: list[str] = []
    folder = CheckpointFolder(tmp_path / "checkpoint", reports.append)
    state = {"w": torch.zeros(3)}
    folder.save(Checkpoint(epoch=1, weights=state, optimizer=state, trainer={}, log=[]), (1, None))
    replace_weights(
        Path(folder._storage.location), name, None, sha256=hashlib.sha256(secret).hexdigest(), bytes=len(secret)
    )
    assert folder.newest() is None
    assert "it names no files of a checkpoint" in reports[0]
    with pytest.raises(UserError, match="it names no files of a checkpoint"):
        folder.best_weights()


def test_a_link_to_a_device_is_not_read_without_end(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    state = {"w": torch.zeros(3)}
    folder.save(Checkpoint(epoch=1, weights=state, optimizer=state, trainer={}, log=[]), (1, None))
    (tmp_path / "weights-000001.safetensors").unlink()
    (tmp_path / "weights-000001.safetensors").symlink_to("/dev/zero")
    assert folder.newest() is None


@pytest.mark.parametrize(
    "change", [{"epoch": "1"}, {"files": []}, {"files": {"x": {}}}, {"files": {"weights": 1}}, {"epoch": None}]
)
def test_a_manifest_of_another_form_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = CheckpointFolder(tmp_path)
    state = {"w": torch.zeros(3)}
    folder.save(Checkpoint(epoch=1, weights=state, optimizer=state, trainer={}, log=[]), (1, None))
    manifest = json.loads((tmp_path / "epoch-000001.json").read_text()) | change
    manifest.pop("sha256")
    (tmp_path / "epoch-000001.json").write_text(json.dumps(manifest | {"sha256": content_hash(manifest)}))
    assert folder.newest() is None
    folder.keep_best_only(1)


@pytest.mark.parametrize("kind", ["pickle", "bare pickle", "archive", "floats"])
def test_a_hostile_array_in_the_cache_is_built_again(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    dataset = read(make_data(subjects=2, images=1, test_subjects=1))
    digest = fingerprint(dataset)
    sound = open_decoded(dataset, digest, height=16, width=32)
    path = next((tmp_path / "cache").rglob("images.npy"))
    whole = np.array(sound.images)
    path.unlink()
    if kind == "pickle":
        np.save(path, np.array([Bomb(tmp_path / "owned")] * 2, object), allow_pickle=True)
    elif kind == "bare pickle":
        path.write_bytes(legacy_pickle(tmp_path / "owned"))
    elif kind == "archive":
        with path.open("wb") as file:
            np.savez(file, x=np.array([Bomb(tmp_path / "owned")], object))
    else:
        np.save(path, whole.astype(np.float64))
    again = open_decoded(dataset, digest, height=16, width=32)
    assert np.array_equal(again.images, whole)
    assert not (tmp_path / "owned").exists()
