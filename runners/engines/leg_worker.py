"""What a worker of a cluster does: one leg after the other, each in steps that end with an epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from runners.engines.excluded_gpus import Place
from runners.engines.lost_workers import LegFaultError
from runners.engines.watchdog import Pauses, Watchdog
from runners.worker.leg import LegSpec, Message

HOLD_STEP_SECONDS = 2.0
"""So soon a worker that keeps a GPU notices that the sweep ends."""


class LegWorker:
    """Runs legs in this process; each step returns messages, and whether the leg is done."""

    def __init__(
        self,
        place: Place,
        held_until: Callable[[str, Place], float],
        run: Callable[[LegSpec], Iterator[Message]],
    ) -> None:
        """Begin without a leg.

        Args:
            place: Where the process is.
            held_until: Returns the time until which the driver's session holds a place.
            run: Runs a leg.
        """
        self._place, self._find_held, self._run = place, held_until, run
        self._pauses = Pauses()
        self._messages: Iterator[Message] = iter(())

    def begin(self, config: dict[str, Any]) -> None:
        """Take a leg."""
        # Trials are told apart by what they were given, never by Ray's accounting of GPUs alone.
        self._spec = LegSpec.model_validate_json(config["leg"])
        self._messages = self._run(self._spec)
        self._watchdog = Watchdog(self._spec.step_seconds)
        self._is_placed = False
        self._held_until = self._find_held(config["session"], self._place) if self._place.gpus else 0.0

    def step(self) -> dict[str, Any]:
        """Run up to the end of the next epoch.

        Raises:
            LegFaultError: The leg ended, and nothing more may be run in this process.
        """
        if not self._is_placed:
            # First of all, so that the driver knows of a process that dies where it was.
            self._is_placed = True
            placed = {"kind": "placed", "place": asdict(self._place), "held": self._held_until > 0}
            return {"messages": json.dumps([placed]), "done": False}
        return self._hold() if self._held_until else self._train()

    def close(self) -> None:
        """Free what the leg holds."""
        close = getattr(self._messages, "close", None)
        if close is not None:
            close()

    def _hold(self) -> dict[str, Any]:
        """Keep a GPU that is left out from taking a leg."""
        left = self._held_until - time.time()
        time.sleep(min(HOLD_STEP_SECONDS, max(0.0, left)))
        return {"messages": "[]", "done": left <= HOLD_STEP_SECONDS}

    def _train(self) -> dict[str, Any]:
        batch: list[Message] = []
        with self._watchdog.step():
            for message in self._messages:
                batch.append(message)
                last_epoch = message["kind"] == "epoch" and message["epoch"] == self._spec.stop
                if message["kind"] == "epoch" and not last_epoch:
                    break
        if batch[-1].get("ends_process"):
            raise LegFaultError(json.dumps(batch))
        for message in batch:
            self._pauses.after(message)
        return {"messages": json.dumps(batch), "done": batch[-1]["kind"] == "ended"}
