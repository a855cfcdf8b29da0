"""What a leg costs without work, against a plain Ray Tune function trainable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LEGS = 120


def measure(folder: Path) -> list[str]:
    """Time the same number of empty legs and of empty function trainables, each in a process of its own."""
    seconds = {}
    for name in ("seatbelt", "plain"):
        code = f"from tests.benchmarks.legs import {name}; {name}({str(folder / name)!r})"
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds[name] = float(answer.stdout.strip().splitlines()[-1])
    ours, plain = seconds["seatbelt"], seconds["plain"]
    return [
        f"{LEGS} legs of one epoch without work, 2 slots: {ours:.3f} s per leg (goal 0.3)",
        f"plain Ray Tune function trainables: {plain:.3f} s each; ratio {ours / plain:.3f} x",
    ]


def seatbelt(folder: str) -> None:
    """Print the seconds per empty leg of our engine, from the second leg to the last."""
    from runners.core.events import LegEnded
    from runners.core.plan import Limits
    from runners.engines import ray_tune
    from runners.session.driver import Driver
    from runners.session.progress import Progress
    from runners.sweep_files.folder import SweepFolder
    from runners.sweep_files.journal import read_events
    from tests.benchmarks import noop
    from tests.runners.conftest import describe

    ray_tune.run_leg = noop.run_leg  # type: ignore[assignment, attr-defined]
    sweep = SweepFolder(Path(folder))
    sweep.create(describe(encoders=5, decoders=6, epochs=1))
    with Driver.open(sweep, sweep.describe(), Limits(replicates=LEGS // 30), Progress(quiet=True)) as driver:
        ray_tune.run(driver, ray_tune.Resources(slots=2))  # type: ignore[attr-defined]
    ends = [event.at for event in read_events(sweep) if isinstance(event, LegEnded)]
    assert len(ends) == LEGS
    print((ends[-1] - ends[1]) / (LEGS - 2))


def plain(folder: str) -> None:
    """Print the seconds per empty function trainable of plain Ray Tune."""
    os.environ.update({"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"})
    import logging
    import time

    import ray
    from ray import tune

    ends: list[float] = []

    class Clock(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: list[object], trial: object, **info: object) -> None:  # type: ignore[override]
            ends.append(time.time())

    def train(config: dict[str, int]) -> None:
        tune.report({"score": 0.5})

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    tune.run(
        train,
        config={"i": tune.grid_search(list(range(LEGS)))},
        resources_per_trial={"cpu": 1},
        callbacks=[Clock()],
        reuse_actors=True,
        storage_path=folder,
        verbose=0,
    )
    print((ends[-1] - ends[1]) / (LEGS - 2))
