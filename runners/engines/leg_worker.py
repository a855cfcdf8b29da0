"""A worker of a cluster runs one leg after the other, in steps that end with an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from runners.engines.lost_workers import LegFaultError
from runners.engines.watchdog import Pauses, Watchdog
from runners.worker.messages import EpochReport, LegMessage, LegResult, LegTask, Place, WorkerPlaced, to_json

HOLD_STEP_SECONDS = 2.0
"""Seconds in which a worker that keeps a GPU busy notices the end of the sweep."""


class LegWorker:
    """Runs legs in this process; each step returns messages, and whether the leg is done."""

    def __init__(
        self,
        place: Place,
        held_until: Callable[[str, Place], float],
        run: Callable[[LegTask], Iterator[LegMessage]],
    ) -> None:
        """Begin without a leg.

        Args:
            place: Place of the process.
            held_until: Returns the time until which the driver's session holds a place.
            run: Runs a leg.
        """
        self._place, self._find_held, self._run = place, held_until, run
        self._pauses = Pauses()
        self._messages: Iterator[LegMessage] = iter(())

    def begin(self, config: dict[str, Any]) -> None:
        """Begin a leg."""
        # The worker's place decides, not Ray's accounting of GPUs.
        self._task = LegTask.model_validate_json(config["leg"])
        self._messages = self._run(self._task)
        self._watchdog = Watchdog(self._task.step_seconds)
        self._is_placed = False
        self._held_until = self._find_held(config["session"], self._place) if self._place.gpus else 0.0

    def step(self) -> dict[str, Any]:
        """Run up to the end of the next epoch.

        Raises:
            LegFaultError: The leg ended, and nothing more may be run in this process.
        """
        if not self._is_placed:
            # Report the place first, so that the driver knows where a process died.
            self._is_placed = True
            placed = WorkerPlaced(place=self._place, held=self._held_until > 0)
            return {"messages": to_json([placed]), "done": False}
        return self._hold() if self._held_until else self._train()

    def close(self) -> None:
        """Release the leg."""
        close = getattr(self._messages, "close", None)
        if close is not None:
            close()

    def _hold(self) -> dict[str, Any]:
        """Keep an excluded GPU busy without a leg."""
        left = self._held_until - time.time()
        time.sleep(min(HOLD_STEP_SECONDS, max(0.0, left)))
        return {"messages": "[]", "done": left <= HOLD_STEP_SECONDS}

    def _train(self) -> dict[str, Any]:
        batch: list[LegMessage] = []
        with self._watchdog.step():
            for message in self._messages:
                batch.append(message)
                # After the last epoch comes the result, in the same step.
                if isinstance(message, EpochReport) and message.epoch != self._task.stop:
                    break
        last = batch[-1]
        if isinstance(last, LegResult) and last.ends_process:
            raise LegFaultError(to_json(batch))
        for message in batch:
            self._pauses.after(message)
        return {"messages": to_json(batch), "done": isinstance(last, LegResult)}
