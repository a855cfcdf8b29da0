"""The legs that a cluster is running, and their fate."""

from __future__ import annotations

from typing import Any

from runners.core.plan import Finished, Wait
from runners.engines.capacity import Capacity
from runners.engines.excluded_gpus import Places
from runners.engines.lost_workers import LegFaultError, loss_text
from runners.session.driver import Driver
from runners.worker.messages import EpochReport, LegMessage, LegResult, LegTask, Place, WorkerPlaced, from_json
from runners.worker.software import software_here


class RunningLegs:
    """The legs that Ray is running, by Ray's trial ids."""

    def __init__(
        self, driver: Driver, capacity: Capacity, gpus: float, step_seconds: float, places: Places, session: str
    ) -> None:
        """Begin without legs.

        Args:
            driver: Decides what to run, and records what happened.
            capacity: Number of legs at a time.
            gpus: GPUs of each leg.
            step_seconds: Longest time of a worker without an epoch.
            places: Tracks which GPUs lose legs.
            session: Name under which workers look up the held places.
        """
        self.driver, self.capacity, self.gpus, self.step_seconds = driver, capacity, gpus, step_seconds
        self.places, self.session = places, session
        self.running: dict[str, LegTask] = {}
        self.holding: set[str] = set()
        """Workers without a leg, which keep an excluded GPU busy."""
        self._had_room = True

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its searcher and stopper into a snapshot that nobody reads.
        return {}

    def next(self, ray_id: str) -> dict[str, Any] | Wait | Finished:
        """Return the configuration of the next worker, or why there is none."""
        if len(self.running) + len(self.holding) >= self.capacity.slots:
            return Wait()
        step = self.driver.next()
        if not isinstance(step, LegTask):
            return step
        share = self.gpus if 0 < self.gpus < 1 else None
        changes = {
            "gpu_share": share,
            "owns_gpu": self.gpus > 0,
            "software": software_here(),
            "step_seconds": self.step_seconds,
        }
        self.running[ray_id] = step = step.model_copy(update=changes)
        return {"leg": step.model_dump_json(), "session": self.session}

    def messages(self, ray_id: str, messages: list[LegMessage]) -> None:
        """Record messages of a worker."""
        task = self.running.get(ray_id)
        if task is None:
            return
        for message in messages:
            if isinstance(message, WorkerPlaced):
                self._placed(ray_id, task, message.place, is_held=message.held)
                continue
            if isinstance(message, EpochReport):
                self.places.record_epoch(ray_id)
            if isinstance(message, LegResult) and message.ends_process:
                self._fault(ray_id, task, message)
            else:
                self.driver.handle(task, message)
            if isinstance(message, LegResult):
                del self.running[ray_id]
                self.places.forget_worker(ray_id)

    def _placed(self, ray_id: str, task: LegTask, place: Place, *, is_held: bool) -> None:
        if is_held:
            del self.running[ray_id]
            self.holding.add(ray_id)
            self.driver.interrupt(task, f"returned before it began: {place} is excluded at present")
        else:
            self.places.record_worker(ray_id, place)

    def _fault(self, ray_id: str, task: LegTask, result: LegResult) -> None:
        """Record a fault that ends a process; while other places work, it is no reason to end the session."""
        error = result.error or "no reason"
        place = self.places.record_loss(ray_id, task.trial_key, error)
        excused = place is not None and self.places.is_to_blame(place, task.trial_key)
        if place is not None and self.places.others_work(place):
            self.driver.lost(task, f"{error}; on {place}", excused=excused)
        else:
            where = f"; on {place}" if place is not None else ""
            placed = result.model_copy(update={"error": f"{error}{where}"})
            self.driver.handle(task, placed, excused=excused)

    def failed(self, ray_id: str, error: BaseException | str | None) -> None:
        """Record that Ray lost a worker, or that the worker ended itself after its last messages."""
        if isinstance(error, LegFaultError):
            self.messages(ray_id, from_json(error.messages))
        task = self.running.pop(ray_id, None)
        if task is not None:
            reason = loss_text(error)
            place = self.places.record_loss(ray_id, task.trial_key, reason)
            excused = place is not None and self.places.is_to_blame(place, task.trial_key)
            where = f"; on {place}" if place is not None else ""
            self.driver.lost(task, f"{reason}{where}", excused=excused)
        self.holding.discard(ray_id)

    def ended(self, ray_id: str) -> None:
        """Record that a worker ended; a leg without a result was stopped."""
        self.holding.discard(ray_id)
        self.places.forget_worker(ray_id)
        task = self.running.pop(ray_id, None)
        if task is not None:
            self.driver.interrupt(task)

    def has_no_more(self, ray_id: str) -> bool:
        """Return whether a worker should end after its present step."""
        return self.driver.stop.poll() or (ray_id in self.holding and self.driver.finished is not None)

    def tick(self) -> None:
        """Do what is due. The session ends if the node of a Ray that it started is gone, for it gets no other."""
        self.driver.tick()
        if len(self.running) >= self.capacity.slots:
            self.driver.plan_ahead()
        has_room = self.capacity.has_room
        if self._had_room and not has_room:
            self.driver.progress.warn("the cluster has no room for a trial at the moment; waiting for nodes to join")
        self._had_room = has_room
        if self.capacity.is_gone and self.driver.stop.reason is None:
            self.driver.stop.fail("the Ray that this session started was killed")
            # No worker will report again.
            self.interrupt_all()

    def interrupt_all(self) -> None:
        """Record that all running legs were interrupted."""
        for task in self.running.values():
            self.driver.interrupt(task)
        self.running.clear()
