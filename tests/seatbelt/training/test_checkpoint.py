from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from seatbelt.errors import UserError
from seatbelt.records.identity import content_hash
from seatbelt.training.checkpoint import Checkpoint, CheckpointFolder


def checkpoint(epoch: int) -> Checkpoint:
    return Checkpoint(
        epoch=epoch,
        weights={"w": torch.full((3,), float(epoch)), "n": torch.tensor(epoch)},
        optimizer={"0.step": torch.tensor(float(epoch))},
        trainer={"best_epoch": 1, "rates": [0.1, 1e-05]},
        log=[{"epoch": e} for e in range(1, epoch + 1)],
    )


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def save(folder: CheckpointFolder, epoch: int, best: int, *, final: bool = False) -> None:
    folder.save(checkpoint(epoch), (best, None), final=final)


def test_a_checkpoint_survives_a_round_trip(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    assert folder.newest() is None
    save(folder, 1, 1)
    restored = folder.newest()
    assert restored is not None
    assert restored.epoch == 1
    assert torch.equal(restored.weights["w"], torch.ones(3))
    assert restored.weights["n"].dtype == torch.int64
    assert restored.trainer == {"best_epoch": 1, "rates": [0.1, 1e-05]}
    assert restored.log == [{"epoch": 1}]


def test_only_the_newest_checkpoints_and_the_best_weights_are_stored(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, 1, 1)
    save(folder, 2, 1)
    save(folder, 3, 1)
    assert names(tmp_path) == [
        "epoch-000002.json",
        "epoch-000003.json",
        "optimizer-000002.safetensors",
        "optimizer-000003.safetensors",
        "weights-000001.safetensors",
        "weights-000002.safetensors",
        "weights-000003.safetensors",
    ]
    save(folder, 4, 4, final=True)
    assert names(tmp_path) == [
        "epoch-000004.json",
        "optimizer-000004.safetensors",
        "weights-000004.safetensors",
    ]
    folder.keep_best_only(4)
    assert names(tmp_path) == ["epoch-000004.json", "weights-000004.safetensors"]
    assert torch.equal(folder.best_weights()["w"], torch.full((3,), 4.0))
    folder.keep_best_only(4)
    assert names(tmp_path) == ["epoch-000004.json", "weights-000004.safetensors"]


@pytest.mark.parametrize("kind", ["epoch", "weights", "optimizer"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "flip the end", "delete", "empty"])
def test_the_newest_valid_one_is_used_and_damage_is_reported(tmp_path: Path, kind: str, damage: str) -> None:
    reports: list[str] = []
    folder = CheckpointFolder(tmp_path, reports.append)
    save(folder, 1, 1)
    save(folder, 2, 1)
    victim = next(tmp_path.glob(f"{kind}-000002.*"))
    content = victim.read_bytes()
    if damage == "truncate":
        victim.write_bytes(content[:-7])
    elif damage == "flip":
        middle = len(content) // 2
        victim.write_bytes(content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :])
    elif damage == "flip the end":
        victim.write_bytes(content[:-3] + bytes([content[-3] ^ 4]) + content[-2:])
    elif damage == "delete":
        victim.unlink()
    else:
        victim.write_bytes(b"")
    newest = CheckpointFolder(tmp_path, reports.append).newest()
    assert newest is not None
    assert newest.epoch == 1
    deleted_manifest = kind == "epoch" and damage == "delete"
    assert bool(reports) is not deleted_manifest
    assert deleted_manifest or "is damaged" in reports[0]


def test_without_a_valid_checkpoint_there_is_none(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(UserError, match="no valid weights are stored there"):
        folder.best_weights()
    save(folder, 1, 1)
    (tmp_path / "weights-000001.safetensors").write_bytes(b"x")
    assert folder.newest() is None
    with pytest.raises(UserError, match=r"epoch-000001.json: the hash of weights-000001.safetensors differs"):
        folder.best_weights()


def test_best_weights_of_an_epoch_without_checkpoint_are_written(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(4), (3, {"w": torch.full((3,), 3.0)}))
    assert torch.equal(folder.best_weights()["w"], torch.full((3,), 3.0))
    newest = folder.newest()
    assert newest is not None
    assert torch.equal(newest.weights["w"], torch.full((3,), 4.0))


def test_two_checkpoints_are_stored_unless_the_leg_ends(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for epoch in (1, 2, 3):
        folder.save(checkpoint(epoch), (epoch, None))
    assert [name for name in names(tmp_path) if name.startswith("epoch")] == ["epoch-000002.json", "epoch-000003.json"]


def test_a_new_process_finds_the_best_weights_of_an_earlier_one(tmp_path: Path) -> None:
    save(CheckpointFolder(tmp_path), 1, 1)
    folder = CheckpointFolder(tmp_path)
    save(folder, 2, 1)
    save(folder, 3, 1, final=True)
    assert torch.equal(CheckpointFolder(tmp_path).best_weights()["w"], torch.ones(3))
    folder.keep_best_only(1)
    assert names(tmp_path) == ["epoch-000003.json", "weights-000001.safetensors"]
    assert set(json.loads((tmp_path / "epoch-000003.json").read_text())["files"]) == {"best"}
    assert CheckpointFolder(tmp_path, pytest.fail).newest() is None, "a finished trial does not go on"


def test_damaged_checkpoints_do_not_count_among_those_that_are_stored(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, 1, 1)
    save(folder, 2, 1)
    (tmp_path / "epoch-000002.json").write_text("{")
    save(folder, 3, 1)
    assert [name for name in names(tmp_path) if name.startswith("epoch")] == ["epoch-000001.json", "epoch-000003.json"]


def test_the_best_weights_are_searched_among_all_checkpoints(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    save(folder, 1, 1)
    save(folder, 2, 2)
    stored = names(tmp_path)
    folder.keep_best_only(3)
    assert names(tmp_path) == stored, "no checkpoint holds them"
    (tmp_path / "epoch-000003.json").write_text("{")
    folder.keep_best_only(1)
    assert names(tmp_path) == ["epoch-000001.json", "weights-000001.safetensors"]


def test_nothing_is_removed_if_the_best_weights_are_missing(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(4), (3, {"w": torch.full((3,), 3.0)}))
    (tmp_path / "weights-000003.safetensors").unlink()
    stored = names(tmp_path)
    folder.keep_best_only(3)
    assert names(tmp_path) == stored
    with pytest.raises(UserError, match=r"epoch-000004.json: weights-000003.safetensors is missing\)$"):
        folder.best_weights()


def test_each_reason_why_there_are_no_best_weights_is_listed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^{tmp_path}: no valid weights are stored there \(it is empty\)$"):
        CheckpointFolder(tmp_path).best_weights()
    folder = CheckpointFolder(tmp_path)
    save(folder, 1, 0)
    save(folder, 2, 0)
    folder.keep_best_only(0)
    assert len(names(tmp_path)) == 6, "there are no best weights to keep"
    reasons = r"\(epoch-000002.json names no best epoch; epoch-000001.json names no best epoch\)$"
    with pytest.raises(UserError, match=reasons):
        folder.best_weights()


def test_a_file_without_tensors_is_named_with_the_reason(tmp_path: Path) -> None:
    save(CheckpointFolder(tmp_path), 1, 1)
    manifest: dict[str, Any] = json.loads((tmp_path / "epoch-000001.json").read_text())
    content = b"no tensors at all"
    (tmp_path / "weights-000001.safetensors").write_bytes(content)
    manifest["files"]["best"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    del manifest["sha256"]
    (tmp_path / "epoch-000001.json").write_text(json.dumps({**manifest, "sha256": content_hash(manifest)}))
    with pytest.raises(UserError, match=r"weights-000001.safetensors holds no tensors: Error while .*\w\)$"):
        CheckpointFolder(tmp_path).best_weights()
