"""The legs that a cluster runs at the moment, and what becomes of them."""

from __future__ import annotations

from typing import Any

from runners.core.plan import Finished, Wait
from runners.engines.capacity import Room
from runners.engines.excluded_gpus import Places
from runners.engines.lost_workers import LegFaultError, loss_text
from runners.session.driver import Driver
from runners.worker.messages import EpochReport, LegMessage, LegResult, LegTask, Place, WorkerPlaced, from_json
from runners.worker.software import software_here


class RunningLegs:
    """The legs that Ray runs at the moment, by Ray's own trial ids."""

    def __init__(
        self, driver: Driver, room: Room, gpus: float, step_seconds: float, places: Places, session: str
    ) -> None:
        """Begin with none.

        Args:
            driver: Says what to run, and records what happened.
            room: Says how many may run at a time.
            gpus: GPUs of each.
            step_seconds: A worker that measures no epoch for so long is ended.
            places: Takes in which GPUs lose legs.
            session: Under this name workers find the places that are held.
        """
        self.driver, self.room, self.gpus, self.step_seconds = driver, room, gpus, step_seconds
        self.places, self.session = places, session
        self.running: dict[str, LegTask] = {}
        self.holding: set[str] = set()
        """Those that run no leg: they keep a GPU that is left out from taking one."""
        self._had_room = True

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its searcher and stopper into a snapshot that nobody reads: nothing of ours goes there.
        return {}

    def next(self, ray_id: str) -> dict[str, Any] | Wait | Finished:
        """Return what a worker is to be given."""
        if len(self.running) + len(self.holding) >= self.room.slots:
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
        """Take in what a worker reports."""
        spec = self.running.get(ray_id)
        if spec is None:
            return
        for message in messages:
            if isinstance(message, WorkerPlaced):
                self._placed(ray_id, spec, message.place, is_held=message.held)
                continue
            if isinstance(message, EpochReport):
                self.places.measured(ray_id)
            if isinstance(message, LegResult) and message.ends_process:
                self._fault(ray_id, spec, message)
            else:
                self.driver.handle(spec, message)
            if isinstance(message, LegResult):
                del self.running[ray_id]
                self.places.gone(ray_id)

    def _placed(self, ray_id: str, spec: LegTask, place: Place, *, is_held: bool) -> None:
        if is_held:
            del self.running[ray_id]
            self.holding.add(ray_id)
            self.driver.interrupt(spec, f"given back before it began: {place} is left out at the moment")
        else:
            self.places.placed(ray_id, place)

    def _fault(self, ray_id: str, spec: LegTask, result: LegResult) -> None:
        """A machine reports what ended its process; while others work, that is no reason to end the session."""
        error = result.error or "no reason"
        place = self.places.lost(ray_id, spec.trial_key, error)
        excused = place is not None and self.places.is_to_blame(place, spec.trial_key)
        if place is not None and self.places.others_work(place):
            self.driver.lost(spec, f"{error}; on {place}", excused=excused)
        else:
            where = f"; on {place}" if place is not None else ""
            placed = result.model_copy(update={"error": f"{error}{where}"})
            self.driver.handle(spec, placed, excused=excused)

    def failed(self, ray_id: str, error: BaseException | str | None) -> None:
        """Ray lost a worker, or the worker ended itself after its last messages."""
        if isinstance(error, LegFaultError):
            self.messages(ray_id, from_json(error.messages))
        spec = self.running.pop(ray_id, None)
        if spec is not None:
            reason = loss_text(error)
            place = self.places.lost(ray_id, spec.trial_key, reason)
            excused = place is not None and self.places.is_to_blame(place, spec.trial_key)
            where = f"; on {place}" if place is not None else ""
            self.driver.lost(spec, f"{reason}{where}", excused=excused)
        self.holding.discard(ray_id)

    def ended(self, ray_id: str) -> None:
        """Ray is done with a leg; one that never said so itself was stopped."""
        self.holding.discard(ray_id)
        self.places.gone(ray_id)
        spec = self.running.pop(ray_id, None)
        if spec is not None:
            self.driver.interrupt(spec)

    def has_no_more(self, ray_id: str) -> bool:
        """Return whether a worker is to end after its present step."""
        return self.driver.stop.poll() or (ray_id in self.holding and self.driver.finished is not None)

    def tick(self) -> None:
        """Let time pass. A Ray of our own whose node is gone gets no other, so that the session ends."""
        self.driver.tick()
        if len(self.running) >= self.room.slots:
            self.driver.plan_ahead()
        has_room = self.room.has_room
        if self._had_room and not has_room:
            self.driver.progress.warn("the cluster has no room for a trial at the moment; waiting for nodes to join")
        self._had_room = has_room
        if self.room.is_gone and self.driver.stop.reason is None:
            self.driver.stop.fail("the Ray that this session started was killed")
            # Nothing will ever be heard of them.
            self.interrupt_all()

    def interrupt_all(self) -> None:
        """Record that none of them goes on."""
        for spec in self.running.values():
            self.driver.interrupt(spec)
        self.running.clear()
