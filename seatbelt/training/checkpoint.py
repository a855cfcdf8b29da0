"""Checkpoints of one trial: safetensors for tensors, JSON for the rest, a sha256 for each file.

A checkpoint is a manifest `epoch-NNNNNN.json` that names its files; it is written last and atomically, so
that it exists only when everything it names does. The newest valid one is used; damaged ones are reported.
The driver tidies these folders too, so torch is imported only where tensors are read or written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from seatbelt.errors import UserError
from seatbelt.identity import content_hash

if TYPE_CHECKING:
    import torch

Tensors: TypeAlias = "dict[str, torch.Tensor]"

_FORMAT = 1
_FILE = re.compile(r"(weights|optimizer)-\d{6,}\.safetensors")
_OURS = re.compile(r"(epoch-\d{6,}\.json|(weights|optimizer)-\d{6,}\.safetensors)(\.\d+\.part)?")
"""Files that are removed when nothing needs them; what others put into the folder stays."""
_KEPT_WHILE_RUNNING = 2


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a trial after an epoch."""

    epoch: int
    weights: Tensors
    """The network's parameters and buffers."""
    optimizer: Tensors
    """Adam's moments, `<parameter index>.<name>`."""
    trainer: dict[str, Any]
    """Schedule, early stopping and best epoch: JSON values."""
    log: list[dict[str, Any]]
    """The metrics of every epoch so far, so that one that was measured but never reported is not lost."""


class CheckpointFolder:
    """The checkpoints of one trial, in one folder; the only owner of the file names in it."""

    def __init__(self, root: Path, report: Callable[[str], None] = lambda _: None) -> None:
        self.root = Path(root)
        self._report = report
        self._entries: dict[str, dict[str, Any]] = {}

    def save(self, checkpoint: Checkpoint, best: tuple[int, Tensors | None], *, final: bool = False) -> None:
        """Make a checkpoint durable, then remove what it replaces.

        Args:
            checkpoint: The state after its epoch.
            best: The best epoch, and its weights unless they are the checkpoint's or saved already.
            final: Nothing follows in this leg: keep this checkpoint alone.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        best_epoch, best_weights = best
        files = {
            "weights": self._write_tensors("weights", checkpoint.epoch, checkpoint.weights),
            "optimizer": self._write_tensors("optimizer", checkpoint.epoch, checkpoint.optimizer),
        }
        if best_epoch == checkpoint.epoch:
            files["best"] = files["weights"]
        elif best_weights is not None:
            files["best"] = self._write_tensors("weights", best_epoch, best_weights)
        elif best_epoch:
            files["best"] = self._known_file(_name("weights", best_epoch))
        manifest = {
            "format": _FORMAT,
            "epoch": checkpoint.epoch,
            "best_epoch": best_epoch,
            "files": files,
            "trainer": checkpoint.trainer,
            "log": checkpoint.log,
        }
        manifest["sha256"] = content_hash(manifest)
        text = json.dumps(manifest, allow_nan=False).encode()
        _write(self.root / _manifest_name(checkpoint.epoch), text)
        self._prune(1 if final else _KEPT_WHILE_RUNNING)

    def newest(self) -> Checkpoint | None:
        """Return the newest valid checkpoint, None if there is none; damaged ones are reported and passed over."""
        for path in reversed(self._manifests()):
            try:
                manifest = self._valid_manifest(path)
                if set(manifest["files"]) == {"best"}:
                    # A finished trial: only its best weights were kept.
                    continue
                if manifest["files"].get("best"):
                    # The best weights are read only at the end, but without them the trial could not be tested.
                    self._read_file(manifest["files"]["best"])
                return Checkpoint(
                    epoch=manifest["epoch"],
                    weights=self._tensors(manifest["files"]["weights"]),
                    optimizer=self._tensors(manifest["files"]["optimizer"]),
                    trainer=manifest["trainer"],
                    log=manifest["log"],
                )
            except (_DamagedError, KeyError) as error:
                self._report(f"checkpoint {path} is damaged ({error}); an older one is used")
        return None

    def best_weights(self) -> Tensors:
        """Return the weights of the best epoch.

        Raises:
            UserError: No valid checkpoint holds them.
        """
        reasons = []
        for path in reversed(self._manifests()):
            try:
                manifest = self._valid_manifest(path)
                if manifest["files"].get("best"):
                    return self._tensors(manifest["files"]["best"])
                reasons.append(f"{path.name} names no best epoch")
            except _DamagedError as error:
                reasons.append(f"{path.name}: {error}")
        raise UserError(f"{self.root}: no valid weights are kept there ({'; '.join(reasons) or 'it is empty'})")

    def keep_best_only(self) -> None:
        """Remove everything but the best weights and their manifest: the trial is finished."""
        manifests = self._manifests()
        for path in reversed(manifests):
            try:
                manifest = self._valid_manifest(path)
            except _DamagedError:
                continue
            best = manifest["files"].get("best")
            if not best or not (self.root / best["name"]).exists():
                continue
            if set(manifest["files"]) != {"best"}:
                manifest["files"] = {"best": best}
                manifest["sha256"] = content_hash(manifest)
                _write(path, json.dumps(manifest, allow_nan=False).encode())
            self._remove_except({path.name, best["name"]})
            return

    def _write_tensors(self, kind: str, epoch: int, tensors: Tensors) -> dict[str, Any]:
        from safetensors.torch import save

        data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        name = _name(kind, epoch)
        _write(self.root / name, data)
        entry = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        self._entries = {key: kept for key, kept in self._entries.items() if (self.root / key).exists()}
        self._entries[name] = entry
        return entry

    def _known_file(self, name: str) -> dict[str, Any]:
        if name not in self._entries:
            data = (self.root / name).read_bytes()
            self._entries[name] = {
                "name": name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
            }
        return self._entries[name]

    def _manifests(self) -> list[Path]:
        return sorted(self.root.glob("epoch-*.json"))

    def _valid_manifest(self, path: Path) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
            given = manifest.pop("sha256")
            if manifest["format"] != _FORMAT or given != content_hash(manifest):
                raise _DamagedError("its hash differs")
            _check_manifest(manifest)
        except _DamagedError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _DamagedError(f"the manifest cannot be read: {error}") from None
        return manifest

    def _read_file(self, entry: dict[str, Any]) -> bytes:
        try:
            path = self.root / str(entry["name"])
            # Before it is read: a link to a device has no end.
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != entry["bytes"]:
                raise _DamagedError(f"{entry['name']} is no file of {entry['bytes']} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise _DamagedError(f"{entry['name']} cannot be read: {error.strerror}") from None
        if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise _DamagedError(f"the hash of {entry['name']} differs")
        return data

    def _tensors(self, entry: dict[str, Any]) -> Tensors:
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(self._read_file(entry))
        except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise _DamagedError(f"{entry['name']} holds no tensors: {' '.join(str(error).split())}") from None

    def _prune(self, keep: int) -> None:
        needed: set[str] = set()
        kept = 0
        for path in reversed(self._manifests()):
            if kept == keep:
                break
            try:
                manifest = self._valid_manifest(path)
            except _DamagedError:
                continue
            kept += 1
            needed |= {path.name} | {entry["name"] for entry in manifest["files"].values()}
        self._remove_except(needed)

    def _remove_except(self, needed: set[str]) -> None:
        for path in self.root.iterdir():
            if path.name not in needed and _OURS.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


class _DamagedError(Exception):
    pass


def _check_manifest(manifest: dict[str, Any]) -> None:
    """Check what becomes a path or a number of bytes: a sweep of somebody else may hold anything.

    Raises:
        _DamagedError: It is none that is written here.
    """
    files = manifest["files"]
    sound = (
        type(manifest["epoch"]) is int and isinstance(files, dict) and set(files) <= {"weights", "optimizer", "best"}
    )
    if not sound or not all(
        isinstance(entry, dict) and _FILE.fullmatch(str(entry["name"])) and type(entry["bytes"]) is int
        for entry in files.values()
    ):
        raise _DamagedError("it names no files of a checkpoint")


def _name(kind: str, epoch: int) -> str:
    return f"{kind}-{epoch:06d}.safetensors"


def _manifest_name(epoch: int) -> str:
    return f"epoch-{epoch:06d}.json"


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
