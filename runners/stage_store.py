"""A store of pretraining stages that several sweeps share: `--stages DIR`.

An entry is a folder with the stage's best weights and `stage.json`, renamed into place when it is whole. A lease
file says which sweep is training a stage; one that was not renewed for two minutes counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.events import Event, StageFound, StageHeld
from runners.history import History
from runners.sweep_description import SweepDescription
from runners.sweep_folder import SweepFolder, write_atomically
from seatbelt.config import TrialConfig
from seatbelt.errors import UserError
from seatbelt.identity import content_hash, identifying_fields

LEASE_SECONDS = 120.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A stage that can be begun with."""

    path: Path
    seconds: float
    """Seconds of training that it took."""


class StageStore:
    """The files of a store."""

    def __init__(self, root: Path) -> None:
        """Open a store, or make one.

        Raises:
            UserError: The folder cannot be written.
        """
        self.root = Path(root)
        try:
            (self.root / "tmp").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--stages {root} cannot be written ({error.strerror}); name another folder") from None
        self._me = f"{socket.gethostname()} process {os.getpid()}"

    def find(self, key: str) -> Entry | None:
        """Return a stage that is whole, or None."""
        path = self.root / key
        try:
            told = json.loads((path / "stage.json").read_bytes())
            return Entry(path=path / "checkpoint", seconds=float(told["seconds"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}/stage.json cannot be read ({error}); remove the folder {path}: the stage is trained again"
            ) from None

    def publish(self, key: str, checkpoint: Path, told: dict[str, Any]) -> None:
        """Copy a finished stage into the store; one that is there already stays."""
        if self.find(key) is None:
            part = self.root / "tmp" / f"{key}.{os.getpid()}"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(checkpoint, part / "checkpoint")
            write_atomically(part / "stage.json", json.dumps(told, indent=1).encode(), self.root / "tmp")
            try:
                part.rename(self.root / key)
            except OSError:
                # Another sweep was faster: its stage is as good.
                shutil.rmtree(part, ignore_errors=True)
        self._lease(key).unlink(missing_ok=True)

    def take(self, key: str) -> str | None:
        """Take the lease of a stage; return who holds it if somebody else does."""
        lease = self._lease(key)
        with contextlib.suppress(FileExistsError):
            handle = os.open(lease, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            os.write(handle, self._me.encode())
            os.close(handle)
            return None
        try:
            holder, age = lease.read_text(), time.time() - lease.stat().st_mtime
        except FileNotFoundError:
            return self.take(key)
        if holder == self._me:
            os.utime(lease)
            return None
        if age < LEASE_SECONDS:
            return holder or "another sweep"
        # Two sweeps that see a stale lease at once: the second to write finds the other's name, and waits.
        write_atomically(lease, self._me.encode(), self.root / "tmp")
        time.sleep(0.05)
        return None if lease.read_text() == self._me else "another sweep"

    def release(self, key: str) -> None:
        """Give a lease of ours back."""
        lease = self._lease(key)
        with contextlib.suppress(OSError):
            if lease.read_text() == self._me:
                lease.unlink()

    def _lease(self, key: str) -> Path:
        return self.root / f"{key}.lease"


class StageExchange:
    """Tells a sweep what the store has, and the store what the sweep made."""

    def __init__(self, store: StageStore, description: SweepDescription, folder: SweepFolder) -> None:
        self._store, self._folder = store, folder
        # Whatever the result of a stage depends on, besides its configuration.
        self._context = {
            "data": [[source.name, source.fingerprint] for source in description.data],
            "selection": description.selection,
            "weights": description.weights,
        }
        self._leased: dict[str, str] = {}
        self._published: set[str] = set()
        self._looked = 0.0

    def news(self, history: History) -> tuple[Event, ...]:
        """Return what the ledger does not know yet, at most every two seconds; publish what was finished."""
        if time.monotonic() - self._looked < _LOOK_SECONDS and not self._unknown(history):
            return ()
        self._looked = time.monotonic()
        self._publish(history)
        return tuple(event for stage in history.stages.waiting for event in self._look(stage, history))

    def close(self, history: History) -> None:
        """Publish what is finished and give back what is not."""
        self._publish(history)
        for key in self._leased.values():
            self._store.release(key)

    def _unknown(self, history: History) -> bool:
        stages = history.stages
        return any(
            stage not in history.trials and stage not in stages.held and stage not in self._leased
            for stage in stages.waiting
        )

    def _look(self, stage: str, history: History) -> list[Event]:
        key = self._key(self._config(stage, history))
        now = time.time()
        entry = self._store.find(key)
        if entry is not None and stage not in history.trials:
            return [StageFound(stage=stage, path=os.fspath(entry.path.resolve()), seconds=entry.seconds, at=now)]
        holder = self._store.take(key)
        if holder is None:
            self._leased[stage] = key
            return [StageHeld(stage=stage, by=None, at=now)] if stage in history.stages.held else []
        if stage in history.trials or stage in history.stages.held:
            return []
        return [StageHeld(stage=stage, by=holder, at=now)]

    def _publish(self, history: History) -> None:
        for stage in history.stages.ready - self._published:
            view = history.trials.get(stage)
            if view is None or view.status != "COMPLETE" or stage not in history.stages.first_user:
                continue
            config = TrialConfig.model_validate(view.plan.config)
            told = {
                "config": config.model_dump(mode="json"),
                "seconds": view.train_seconds,
                "selection_iou": view.best_score,
                "epochs": view.epochs_done,
                "sweep": os.fspath(self._folder.root.resolve()),
            }
            self._store.publish(self._key(config), self._folder.checkpoints(stage), told)
            self._published.add(stage)
            self._leased.pop(stage, None)

    def _config(self, stage: str, history: History) -> TrialConfig:
        user = history.trials[history.stages.waiting[stage][0]]
        config = TrialConfig.model_validate(user.plan.config).stage
        assert config is not None, "only trials with a stage wait for one"
        return config

    def _key(self, config: TrialConfig) -> str:
        made_by = {"config": identifying_fields(config), "epochs": config.epochs, **self._context}
        return content_hash(made_by)[:16]
