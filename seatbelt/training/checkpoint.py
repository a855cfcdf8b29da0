"""Checkpoints of one trial: safetensors for tensors, JSON for the rest, a sha256 for each file.

A checkpoint is a manifest `epoch-NNNNNN.json` that names its files; it is written last and atomically, so
that it exists only when everything it names does. The newest valid one is used; damaged ones are reported.
The driver tidies these folders too, so torch is imported only where tensors are read or written.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from seatbelt.errors import UserError, refuse_newer_format
from seatbelt.records.identity import content_hash
from seatbelt.storage.base import Storage, open_storage

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

    def __init__(self, place: Storage | str | os.PathLike[str], report: Callable[[str], None] = lambda _: None) -> None:
        """Open a folder; it is made by the first checkpoint.

        Args:
            place: Its storage, or where that is.
            report: Told of damaged checkpoints.
        """
        self._storage = open_storage(place) if isinstance(place, str | os.PathLike) else place
        self._report = report
        self._entries: dict[str, dict[str, Any]] = {}

    def save(self, checkpoint: Checkpoint, best: tuple[int, Tensors | None], *, final: bool = False) -> None:
        """Make a checkpoint durable, then remove what it replaces.

        Args:
            checkpoint: The state after its epoch.
            best: The best epoch, and its weights unless they are the checkpoint's or saved already.
            final: Nothing follows in this leg: keep this checkpoint alone.
        """
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
        self._storage.write(_manifest_name(checkpoint.epoch), text)
        self._prune(1 if final else _KEPT_WHILE_RUNNING)

    def newest(self) -> Checkpoint | None:
        """Return the newest valid checkpoint, None if there is none; damaged ones are reported and passed over.

        Raises:
            OSError: The storage cannot be read at the moment.
        """
        for name in reversed(self._manifests()):
            try:
                manifest = self._valid_manifest(name)
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
                place = f"{self._storage.location}/{name}"
                self._report(f"checkpoint {place} is damaged ({error}); an older one is used")
        return None

    def best_weights(self) -> Tensors:
        """Return the weights of the best epoch.

        Raises:
            UserError: No valid checkpoint holds them.
        """
        reasons = []
        for name in reversed(self._manifests()):
            try:
                manifest = self._valid_manifest(name)
                if manifest["files"].get("best"):
                    return self._tensors(manifest["files"]["best"])
                reasons.append(f"{name} names no best epoch")
            except _DamagedError as error:
                reasons.append(f"{name}: {error}")
        where = self._storage.location
        raise UserError(f"{where}: no valid weights are kept there ({'; '.join(reasons) or 'it is empty'})")

    def keep_best_only(self, best_epoch: int) -> None:
        """Remove everything but the best weights and their manifest: the trial is finished.

        Args:
            best_epoch: The epoch that they are of. Nothing is removed where no valid checkpoint holds these weights.
        """
        names = self._storage.names()
        for name in reversed(self._manifests(names)):
            try:
                manifest = self._valid_manifest(name)
            except _DamagedError:
                continue
            best = manifest["files"].get("best")
            if manifest["best_epoch"] != best_epoch or not best or best["name"] not in names:
                continue
            if set(manifest["files"]) != {"best"}:
                manifest["files"] = {"best": best}
                manifest["sha256"] = content_hash(manifest)
                self._storage.write(name, json.dumps(manifest, allow_nan=False).encode())
            self._remove_except({name, best["name"]}, names)
            return

    def _write_tensors(self, kind: str, epoch: int, tensors: Tensors) -> dict[str, Any]:
        from safetensors.torch import save

        data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        name = _name(kind, epoch)
        self._storage.write(name, data)
        return self._enter(name, data)

    def _known_file(self, name: str) -> dict[str, Any]:
        return self._entries.get(name) or self._enter(name, self._storage.read(name))

    def _enter(self, name: str, data: bytes) -> dict[str, Any]:
        entry = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        self._entries[name] = entry
        return entry

    def _manifests(self, names: list[str] | None = None) -> list[str]:
        found = self._storage.names() if names is None else names
        return [name for name in found if fnmatch.fnmatchcase(name, "epoch-*.json")]

    def _valid_manifest(self, name: str) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self._storage.read(name))
            refuse_newer_format(f"{self._storage.location}/{name}", manifest.get("format"), _FORMAT)
            given = manifest.pop("sha256")
            if manifest["format"] != _FORMAT or given != content_hash(manifest):
                raise _DamagedError("its hash differs")
            _check_manifest(manifest)
        except (_DamagedError, UserError):
            raise
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _DamagedError(f"the manifest cannot be read: {error}") from None
        return manifest

    def _read_file(self, entry: dict[str, Any]) -> bytes:
        try:
            data = self._storage.read(str(entry["name"]))
        except FileNotFoundError:
            raise _DamagedError(f"{entry['name']} is missing") from None
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
        names = self._storage.names()
        needed: set[str] = set()
        kept = 0
        for name in reversed(self._manifests(names)):
            if kept == keep:
                break
            try:
                manifest = self._valid_manifest(name)
            except _DamagedError:
                continue
            kept += 1
            needed |= {name} | {entry["name"] for entry in manifest["files"].values()}
        self._remove_except(needed, names)

    def _remove_except(self, needed: set[str], names: list[str]) -> None:
        for name in set(names) - needed:
            if _OURS.fullmatch(name):
                self._storage.remove(name)
        self._entries = {name: entry for name, entry in self._entries.items() if name in needed}


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
