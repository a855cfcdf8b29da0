"""The engine of a cluster: Ray Tune places and runs the legs, and the driver decides what to run.

A leg is a Ray trial of its own. A `Searcher` hands out the driver's next leg, Ray's scheduler stays first in
first out, actors are reused, and nothing of Ray's state is ever restored: Ray's results go to a temporary
folder. Ray calls the searcher, the stopper and the callback in the driver's process, one at a time.
"""

from __future__ import annotations

import functools
import logging
import secrets
import tempfile

from runners.engines.capacity import Capacity, gpus_of_trial
from runners.engines.connection import Resources, cluster_resources, connected, prepare_ray
from runners.engines.devices import device_text
from runners.engines.excluded_gpus import Places
from runners.engines.running_legs import RunningLegs
from runners.engines.worker_location import publish_held
from runners.session.driver import Driver
from runners.worker.leg import run_leg

_MOST_CONCURRENT = 100_000
"""Ray may ask for this many trials at a time. `RunningLegs` decides how many it gets, because nodes join and leave."""


def run(driver: Driver, resources: Resources) -> None:
    """Run legs on a cluster until the sweep is finished or asked to stop.

    Raises:
        UserError: The cluster cannot be reached, a node of it is not fit, or there is no room for a single trial.
    """
    # Ray reads its environment variables when it is imported.
    prepare_ray(resources)
    from ray import tune

    from runners.engines.ray_classes import LegRecorder, LegSearcher, StopRequested, trainable_of

    # Our own progress reports every lost worker; Ray would add a traceback for each.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with connected(resources), tempfile.TemporaryDirectory(prefix="seatbelt-ray-") as scratch:
        if resources.address is not None:
            _preflight(driver, resources)
        cluster = cluster_resources()
        gpus = gpus_of_trial(cluster, resources, driver.progress.note)
        driver.progress.note(device_text(resources.device, gpus))
        session = secrets.token_hex(8)
        places = Places(functools.partial(publish_held, session), driver.progress.warn)
        legs = RunningLegs(driver, Capacity(resources, gpus), gpus, 60 * resources.epoch_minutes, places, session)
        trainable = tune.with_resources(trainable_of(run_leg), {"cpu": resources.cpus_per_trial, "gpu": gpus})
        try:
            tune.run(
                trainable,
                name="legs",
                search_alg=LegSearcher(legs),
                stop=StopRequested(legs),
                callbacks=[LegRecorder(legs)],
                num_samples=-1,
                max_concurrent_trials=_MOST_CONCURRENT,
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
    outcome = f"{count} node(s) agree with this one" if count else "no worker is up yet; later ones are not examined"
    driver.progress.note(f"preflight: {outcome}")
