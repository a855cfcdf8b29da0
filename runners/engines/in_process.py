"""The engine of one process: tests, the debugger, and a laptop without Ray."""

from __future__ import annotations

import time

from runners.core.plan import Finished, Wait
from runners.engines.watchdog import Pauses
from runners.session.driver import Driver
from runners.worker.leg import run_leg
from runners.worker.messages import EpochReport, LegResult

_STAGE_POLL_SECONDS = 1.0


def run(driver: Driver) -> None:
    """Run legs one after the other until the sweep is finished or asked to stop."""
    pauses = Pauses()
    while True:
        step = driver.next()
        if isinstance(step, Wait) and driver.history.stages.held:
            # Another sweep is training a stage that this one needs.
            time.sleep(_STAGE_POLL_SECONDS)
            driver.tick()
            continue
        if isinstance(step, Finished | Wait):
            # With one leg at a time nothing runs here, so that there is nothing to wait for.
            return
        for message in run_leg(step):
            driver.handle(step, message)
            driver.tick()
            if isinstance(message, LegResult) and message.breaks_gpu:
                # Nothing more can be computed in this process, and it is the only one.
                driver.stop.fail(f"{message.error}; a new process may find the GPU working")
                break
            pauses.after(message)
            if isinstance(message, EpochReport) and driver.stop.poll():
                driver.interrupt(step)
                break
