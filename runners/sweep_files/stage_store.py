"""A store of pretraining stages that several sweeps share: `--stages DIR`, or a bucket.

An entry is `stage.json`, which is written last and names the folder of the stage's best weights. A lease says which
sweep is training a stage. It is void after two minutes without renewal, or if its holder was a process of this
machine that has ended.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.core.events import Event, StageFound, StageHeld
from runners.core.history import History
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.lease import Lease
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import content_hash, identifying_fields
from seatbelt.storage.base import Storage, copy_files, is_remote, open_storage

LEASE_SECONDS = 120.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class StoredStage:
    """A finished stage."""

    location: str
    """Location of its checkpoint."""
    seconds: float
    """Seconds of its training."""


class StageStore:
    """The files of a store."""

    def __init__(self, location: str | os.PathLike[str], report: Callable[[str], None] = lambda _: None) -> None:
        """Open or make a store.

        Args:
            location: A folder, or the URL of a bucket.
            report: Called with damaged entries.

        Raises:
            UserError: The folder cannot be written.
        """
        self.storage, self._report = open_storage(location), report
        try:
            if not is_remote(location):
                Path(location).mkdir(parents=True, exist_ok=True)
            self._leases: dict[str, Lease] = {}
            self.storage.names("none")
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"--stages {location} cannot be written ({reason}); name another folder") from None

    def find(self, key: str) -> StoredStage | None:
        """Return a finished stage, or None; a damaged one is reported, and replaced once it is trained again."""
        try:
            record = json.loads(self.storage.read(f"{key}/stage.json"))
            folder = self.storage.within(f"{key}/{record['checkpoint']}")
            return StoredStage(location=folder.location, seconds=float(record["seconds"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            place = f"{self.storage.location}/{key}/stage.json"
            self._report(f"{place} is damaged ({error}); the stage is trained again")
            return None

    def publish(self, key: str, checkpoint: Storage, record: dict[str, Any]) -> None:
        """Copy a finished stage into the store, unless it has one."""
        if self.find(key) is None:
            # Each publisher has a folder of its own, so that files of two never mix.
            name = f"checkpoint-{secrets.token_hex(4)}"
            folder = self.storage.within(f"{key}/{name}")
            copy_files(checkpoint, folder)
            entry = json.dumps({**record, "checkpoint": name}, indent=1).encode()
            if not self.storage.create(f"{key}/stage.json", entry):
                if self.find(key) is not None:
                    # Another sweep was faster, and its stage is as good.
                    folder.clear()
                else:
                    self.storage.write(f"{key}/stage.json", entry)
        self.storage.remove(f"{key}.lease")

    def take(self, key: str) -> str | None:
        """Take the lease of a stage, or renew it; return the holder if another sweep has it."""
        present = self._lease(key).take()
        return None if present is None else present.name

    def release(self, key: str) -> None:
        """Release the lease of a stage."""
        self._lease(key).release()

    def _lease(self, key: str) -> Lease:
        return self._leases.setdefault(key, Lease(self.storage, f"{key}.lease", LEASE_SECONDS))


class StageExchange:
    """Exchanges stages between a sweep and a store."""

    def __init__(self, store: StageStore, description: SweepDescription, folder: SweepFolder) -> None:
        self._store, self._folder = store, folder
        # The result of a stage depends on these and on its configuration.
        self._context = {
            "data": [[source.name, source.fingerprint] for source in description.data],
            "selection": description.selection,
            "weights": description.weights,
        }
        self._leased: dict[str, str] = {}
        self._published: set[str] = set()
        self._last_look = 0.0

    def news(self, history: History) -> tuple[Event, ...]:
        """Publish finished stages, and return events about the others, at most every two seconds."""
        if time.monotonic() - self._last_look < _LOOK_SECONDS and not self._unknown(history):
            return ()
        self._last_look = time.monotonic()
        self._publish(history)
        return tuple(event for stage in history.stages.waiting for event in self._look(stage, history))

    def close(self, history: History) -> None:
        """Publish finished stages, and release the leases of the others."""
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
            return [StageFound(stage=stage, path=entry.location, seconds=entry.seconds, at=now)]
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
            record = {
                "config": config.model_dump(mode="json"),
                "seconds": view.train_seconds,
                "selection_iou": view.best_score,
                "epochs": view.epochs_done,
                "sweep": self._folder.location,
            }
            self._store.publish(self._key(config), self._folder.checkpoints(stage), record)
            self._published.add(stage)
            self._leased.pop(stage, None)

    def _config(self, stage: str, history: History) -> TrialConfig:
        user = history.trials[history.stages.waiting[stage][0]]
        config = TrialConfig.model_validate(user.plan.config).stage
        assert config is not None, "only trials with a stage wait for one"
        return config

    def _key(self, config: TrialConfig) -> str:
        identity = {"config": identifying_fields(config), "epochs": config.epochs, **self._context}
        return content_hash(identity)[:16]
