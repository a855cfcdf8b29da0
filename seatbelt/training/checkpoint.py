"""Checkpoints of one trial: safetensors for tensors, JSON for the rest, a sha256 for each file.

A checkpoint is a manifest `epoch-NNNNNN.json` that names its files. It is written last and atomically, so that all
its files exist. The newest valid checkpoint is used; damaged ones are reported. The driver cleans these folders up too,
so torch is imported only where tensors are read or written.
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

from seatbelt.errors import UserError
from seatbelt.records.identity import content_hash
from seatbelt.storage.base import Storage, open_storage
from seatbelt.training.manifest import FORMAT, DamagedError, manifest_name, read_manifest, tensor_file_name

if TYPE_CHECKING:
    import torch


Tensors: TypeAlias = "dict[str, torch.Tensor]"

_OURS = re.compile(r"(epoch-\d{6,}\.json|(weights|optimizer)-\d{6,}\.safetensors)(\.\d+\.part)?")
"""Files that are removed when no manifest needs them; other files in the folder stay."""
_CHECKPOINTS_PER_LEG = 2


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a trial after an epoch."""

    epoch: int
    weights: Tensors
    """Parameters and buffers of the network that is evaluated."""
    optimizer: Tensors
    """What else training needs: the optimizer's moments, `<parameter index>.<name>`, and with averaged weights the
    network's own."""
    trainer: dict[str, Any]
    """Schedule, early stopping and best epoch: JSON values."""
    log: list[dict[str, Any]]
    """The metrics of every epoch so far: an epoch that was measured but not reported is not lost."""


class CheckpointFolder:
    """The checkpoints of one trial in one folder. No other class knows the names of its files."""

    def __init__(self, place: Storage | str | os.PathLike[str], report: Callable[[str], None] = lambda _: None) -> None:
        """Open a folder; the first checkpoint creates it.

        Args:
            place: Its storage or location.
            report: Called with a message for each damaged checkpoint.
        """
        self._storage = open_storage(place) if isinstance(place, str | os.PathLike) else place
        self._report = report
        self._entries: dict[str, dict[str, Any]] = {}

    def save(self, checkpoint: Checkpoint, best: tuple[int, Tensors | None], *, final: bool = False) -> None:
        """Write a checkpoint durably, then remove the checkpoints that it replaces.

        Args:
            checkpoint: The state after its epoch.
            best: The best epoch, and its weights unless the checkpoint has them or they are already saved.
            final: The leg ends here: keep only this checkpoint.
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
            files["best"] = self._file_entry(tensor_file_name("weights", best_epoch))
        manifest = {
            "format": FORMAT,
            "epoch": checkpoint.epoch,
            "best_epoch": best_epoch,
            "files": files,
            "trainer": checkpoint.trainer,
            "log": checkpoint.log,
        }
        manifest["sha256"] = content_hash(manifest)
        text = json.dumps(manifest, allow_nan=False).encode()
        self._storage.write(manifest_name(checkpoint.epoch), text)
        self._prune(1 if final else _CHECKPOINTS_PER_LEG)

    def newest(self) -> Checkpoint | None:
        """Return the newest valid checkpoint, None if there is none; damaged ones are reported and skipped.

        Raises:
            OSError: The storage cannot be read at the moment.
        """
        for name in reversed(self._manifests()):
            try:
                manifest = read_manifest(self._storage, name)
                if set(manifest["files"]) == {"best"}:
                    # A finished trial has only its best weights.
                    continue
                if manifest["files"].get("best"):
                    # The best weights are needed only at the end, but without them the trial could not be tested.
                    self._read_file(manifest["files"]["best"])
                return Checkpoint(
                    epoch=manifest["epoch"],
                    weights=self._tensors(manifest["files"]["weights"]),
                    optimizer=self._tensors(manifest["files"]["optimizer"]),
                    trainer=manifest["trainer"],
                    log=manifest["log"],
                )
            except (DamagedError, KeyError) as error:
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
                manifest = read_manifest(self._storage, name)
                if manifest["files"].get("best"):
                    return self._tensors(manifest["files"]["best"])
                reasons.append(f"{name} names no best epoch")
            except DamagedError as error:
                reasons.append(f"{name}: {error}")
        where = self._storage.location
        raise UserError(f"{where}: no valid weights are stored there ({'; '.join(reasons) or 'it is empty'})")

    def keep_best_only(self, best_epoch: int) -> None:
        """Remove everything but the best weights and their manifest, when the trial has finished.

        Args:
            best_epoch: The epoch of the best weights. Nothing is removed if no valid checkpoint holds them.
        """
        names = self._storage.names()
        for name in reversed(self._manifests(names)):
            try:
                manifest = read_manifest(self._storage, name)
            except DamagedError:
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
        name = tensor_file_name(kind, epoch)
        self._storage.write(name, data)
        return self._enter(name, data)

    def _file_entry(self, name: str) -> dict[str, Any]:
        return self._entries.get(name) or self._enter(name, self._storage.read(name))

    def _enter(self, name: str, data: bytes) -> dict[str, Any]:
        entry = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        self._entries[name] = entry
        return entry

    def _manifests(self, names: list[str] | None = None) -> list[str]:
        names = self._storage.names() if names is None else names
        return [name for name in names if fnmatch.fnmatchcase(name, "epoch-*.json")]

    def _read_file(self, entry: dict[str, Any]) -> bytes:
        try:
            data = self._storage.read(str(entry["name"]))
        except FileNotFoundError:
            raise DamagedError(f"{entry['name']} is missing") from None
        if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise DamagedError(f"the hash of {entry['name']} differs")
        return data

    def _tensors(self, entry: dict[str, Any]) -> Tensors:
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(self._read_file(entry))
        except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DamagedError(f"{entry['name']} holds no tensors: {' '.join(str(error).split())}") from None

    def _prune(self, keep: int) -> None:
        names = self._storage.names()
        needed: set[str] = set()
        valid = 0
        for name in reversed(self._manifests(names)):
            if valid == keep:
                break
            try:
                manifest = read_manifest(self._storage, name)
            except DamagedError:
                continue
            valid += 1
            needed |= {name} | {entry["name"] for entry in manifest["files"].values()}
        self._remove_except(needed, names)

    def _remove_except(self, needed: set[str], names: list[str]) -> None:
        for name in set(names) - needed:
            if _OURS.fullmatch(name):
                self._storage.remove(name)
        self._entries = {name: entry for name, entry in self._entries.items() if name in needed}
