"""The engine of a cluster: Ray Tune places and runs the legs; what to run is the driver's business.

A leg is a Ray trial of its own. A `Searcher` hands out the driver's next leg, Ray's scheduler stays first in
first out, actors are reused, and nothing of Ray's own state is ever restored: Ray's results go to a temporary
folder. Ray calls the searcher, the stopper and the callback in the driver's process, one at a time.
"""

from __future__ import annotations

import functools
import logging
import secrets
import tempfile
from typing import Any

from runners.core.plan import Finished, Wait
from runners.engines.capacity import Room, gpus_of_trial
from runners.engines.connection import Resources, cluster_resources, connected, prepare_ray
from runners.engines.devices import device_text
from runners.engines.excluded_gpus import Places
from runners.engines.isolation import terminate_children_again
from runners.engines.leg_worker import LegWorker
from runners.engines.lost_workers import error_of
from runners.engines.running_legs import RunningLegs
from runners.engines.worker_location import held_until, place_here, publish_held
from runners.session.driver import Driver
from runners.worker.leg import run_leg
from runners.worker.messages import from_json

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
        driver.progress.note(device_text(resources.device, gpus))
        session = secrets.token_hex(8)
        places = Places(functools.partial(publish_held, session), driver.progress.warn)
        legs = RunningLegs(driver, Room(resources, gpus), gpus, 60 * resources.epoch_minutes, places, session)
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
    from runners.engines.preflight import check_nodes, needs

    count = check_nodes(resources, needs(driver.folder.location, ()))
    told = f"{count} node(s) agree with this one" if count else "no worker is up yet: those that come are not examined"
    driver.progress.note(f"preflight: {told}")


def _leg_trainable() -> type[Any]:
    from ray import tune

    class SeatbeltLeg(tune.Trainable):
        """One leg; each step reports what happened until the end of the next epoch."""

        def setup(self, config: dict[str, Any]) -> None:
            terminate_children_again()
            self._worker = LegWorker(place_here(), held_until, run_leg)
            self._worker.begin(config)

        def step(self) -> dict[str, Any]:
            return self._worker.step()

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._worker.begin(new_config)
            return True

        def cleanup(self) -> None:
            self._worker.close()

    return SeatbeltLeg


def _searcher(legs: RunningLegs) -> Any:  # noqa: ANN401  (Ray's classes are imported late)
    from ray.tune.search import Searcher

    class LegSearcher(Searcher):
        def suggest(self, trial_id: str) -> Any:  # noqa: ANN401  (a dict, None, or Ray's word for the end)
            step = legs.next(trial_id)
            if isinstance(step, Finished):
                return Searcher.FINISHED
            return None if isinstance(step, Wait) else step

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            if not error:
                legs.ended(trial_id)

        def save(self, checkpoint_path: str) -> None:
            """Nothing of Ray's is ever restored."""

        def restore(self, checkpoint_path: str) -> None:
            raise AssertionError("a sweep is resumed from its ledger, never from Ray's snapshots")

    return LegSearcher()


def _stopper(legs: RunningLegs) -> Any:  # noqa: ANN401
    from ray.tune import Stopper

    class WhenAsked(Stopper):
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return legs.has_no_more(trial_id)

        def stop_all(self) -> bool:
            return legs.driver.stopping and not legs.running

    return WhenAsked()


def _callback(legs: RunningLegs) -> Any:  # noqa: ANN401
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
            legs.messages(trial.trial_id, from_json(result.pop("messages")))

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
            legs.failed(trial.trial_id, error_of(trial))

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ANN401
            legs.tick()

    return Recorder()
