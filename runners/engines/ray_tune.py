"""The engine of a cluster: Ray Tune places and runs the legs; what to run is the driver's business.

A leg is a Ray trial of its own. A `Searcher` hands out the driver's next leg, Ray's scheduler stays first in
first out, actors are reused, and nothing of Ray's own state is ever restored: Ray's results go to a temporary
folder. Ray calls the searcher, the stopper and the callback in the driver's process, one at a time.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from typing import Any

from runners.driver import Driver
from runners.engines.cluster import Resources, cluster_resources, connected, prepare_ray
from runners.engines.isolation import terminate_children_again
from runners.engines.leg import LegSpec, Message, run_leg
from runners.engines.patience import Pauses, Watchdog
from runners.engines.room import Room, gpus_of_trial
from runners.plan import Finished, Wait

_MORE_THAN_EVER = 100_000
"""Ray asks for this many trials at a time; how many it gets is decided here, for nodes join and leave."""


def run(driver: Driver, resources: Resources) -> None:
    """Run legs on a cluster until the sweep is finished or asked to stop.

    Raises:
        UserError: The cluster cannot be reached, a node of it is not fit, or there is no room for a single trial.
    """
    prepare_ray(resources)
    from ray import tune

    # What happens to a leg is told by our own progress; Ray would add a traceback for each lost worker.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with connected(resources), tempfile.TemporaryDirectory(prefix="seatbelt-ray-") as scratch:
        if resources.address is not None:
            _preflight(driver, resources)
        cluster = cluster_resources()
        gpus = gpus_of_trial(cluster, resources, driver.progress.note)
        legs = _Legs(driver, Room(resources, gpus), gpus, 60 * resources.epoch_minutes)
        trainable = tune.with_resources(_leg_trainable(), {"cpu": resources.cpus_per_trial, "gpu": gpus})
        try:
            tune.run(
                trainable,
                name="legs",
                search_alg=_searcher(legs),
                stop=_stopper(legs),
                callbacks=[_callback(legs)],
                num_samples=-1,
                max_concurrent_trials=_MORE_THAN_EVER,
                reuse_actors=True,
                max_failures=0,
                raise_on_failed_trial=False,
                storage_path=scratch,
                verbose=0,
            )
        finally:
            legs.interrupt_all()


def _preflight(driver: Driver, resources: Resources) -> None:
    from runners.preflight import check_nodes, needs

    count = check_nodes(resources, needs(driver.folder.location, ()))
    told = f"{count} node(s) agree with this one" if count else "no worker is up yet: those that come are not examined"
    driver.progress.note(f"preflight: {told}")


class _Legs:
    """The legs that Ray runs at the moment, by Ray's own trial ids."""

    def __init__(self, driver: Driver, room: Room, gpus: float, step_seconds: float) -> None:
        self.driver, self.room, self.gpus, self.step_seconds = driver, room, gpus, step_seconds
        self.running: dict[str, LegSpec] = {}
        self._had_room = True

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its searcher and stopper into a snapshot that nobody reads: nothing of ours goes there.
        return {}

    def next(self, ray_id: str) -> LegSpec | Wait | Finished:
        if len(self.running) >= self.room.slots:
            return Wait()
        step = self.driver.next()
        if isinstance(step, LegSpec):
            share = self.gpus if 0 < self.gpus < 1 else None
            step = step.model_copy(update={"gpu_share": share, "step_seconds": self.step_seconds})
            self.running[ray_id] = step
        return step

    def messages(self, ray_id: str, messages: list[Message]) -> None:
        spec = self.running.get(ray_id)
        if spec is None:
            return
        for message in messages:
            self.driver.handle(spec, message)
            if message["kind"] == "ended":
                del self.running[ray_id]

    def ended(self, ray_id: str, *, error: str | None) -> None:
        """Ray is done with a leg; one that never said so itself was stopped or lost."""
        spec = self.running.pop(ray_id, None)
        if spec is None:
            return
        if error is not None:
            self.driver.lost(spec, error)
        else:
            self.driver.interrupt(spec)

    def tick(self) -> None:
        """Let time pass. A Ray of our own whose node is gone gets no other, so that the session ends."""
        self.driver.tick()
        if len(self.running) >= self.room.slots:
            self.driver.plan_ahead()
        has_room = self.room.slots > 0
        if self._had_room and not has_room:
            self.driver.progress.warn("the cluster has no room for a trial at the moment; waiting for nodes to join")
        self._had_room = has_room
        if self.room.is_gone and self.driver.stop_reason is None:
            self.driver.break_off("the Ray that this session started was killed")
            # Nothing will ever be heard of them.
            self.interrupt_all()

    def interrupt_all(self) -> None:
        for spec in self.running.values():
            self.driver.interrupt(spec)
        self.running.clear()


def _leg_trainable() -> type[Any]:
    from ray import tune

    class SeatbeltLeg(tune.Trainable):
        """One leg; each step reports what happened until the end of the next epoch."""

        def setup(self, config: dict[str, Any]) -> None:
            terminate_children_again()
            self._pauses = Pauses()
            self._begin(config)

        def _begin(self, config: dict[str, Any]) -> None:
            # Trials are told apart by what they were given, never by Ray's accounting of GPUs alone.
            self._spec = LegSpec.model_validate_json(config["leg"])
            self._messages: Iterator[Message] = run_leg(self._spec)
            self._watchdog = Watchdog(self._spec.step_seconds)

        def step(self) -> dict[str, Any]:
            batch: list[Message] = []
            with self._watchdog.step():
                for message in self._messages:
                    batch.append(message)
                    last_epoch = message["kind"] == "epoch" and message["epoch"] == self._spec.stop
                    if message["kind"] == "epoch" and not last_epoch:
                        break
            for message in batch:
                self._pauses.after(message)
            done = batch[-1]["kind"] == "ended"
            return {"messages": json.dumps(batch), "done": done}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._begin(new_config)
            return True

        def cleanup(self) -> None:
            close = getattr(self._messages, "close", None)
            if close is not None:
                close()

    return SeatbeltLeg


def _searcher(legs: _Legs) -> Any:  # noqa: ANN401  (Ray's classes are imported late)
    from ray.tune.search import Searcher

    class LegSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:  # noqa: ANN401  (a dict, None, or Ray's word for the end)
            step = legs.next(trial_id)
            if isinstance(step, Finished):
                return Searcher.FINISHED
            return None if isinstance(step, Wait) else {"leg": step.model_dump_json()}

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            if not error:
                legs.ended(trial_id, error=None)

        def save(self, checkpoint_path: str) -> None:
            """Nothing of Ray's is ever restored."""

        def restore(self, checkpoint_path: str) -> None:
            raise AssertionError("a sweep is resumed from its ledger, never from Ray's snapshots")

    return LegSearcher()


def _stopper(legs: _Legs) -> Any:  # noqa: ANN401
    from ray.tune import Stopper

    class WhenAsked(Stopper):
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return legs.driver.stopping

        def stop_all(self) -> bool:
            return legs.driver.stopping and not legs.running

    return WhenAsked()


def _callback(legs: _Legs) -> Any:  # noqa: ANN401
    from ray.tune import Callback

    class Recorder(Callback):
        def on_trial_result(
            self,
            iteration: int,
            trials: list[Any],
            trial: Any,  # noqa: ANN401  (Ray's trials have no types)
            result: dict[str, Any],
            **info: Any,  # noqa: ANN401
        ) -> None:
            legs.messages(trial.trial_id, json.loads(result.pop("messages")))

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
            text = str(trial.get_pickled_error() or "").strip().splitlines()
            legs.ended(trial.trial_id, error=text[-1] if text else "unknown")

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ANN401
            legs.tick()

    return Recorder()
