"""A sweep on a real Ray of this machine with two pretended GPUs, one of which fails in every leg.

Legs on the sound GPU last long, so that meanwhile the broken one takes leg after leg.
`python -m tests.faults gpu --epoch-seconds 60` runs it as long as a real sweep would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runners.core.events import LegEnded
from runners.core.history import History
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.worker.messages import LegFacts, LegMessage, LegTask
from tests.faults.nodes import environment
from tests.runners.conftest import describe, ended_message, epoch_message

BROKEN = 1
"""Index of the GPU that fails."""
TEXT = "CUDA error: an illegal memory access was encountered"
KILLED = "SIGKILL"
_SECONDS, _HOW = "SEATBELT_TEST_EPOCH_SECONDS", "SEATBELT_TEST_FAILURE"


@dataclass
class Report:
    """The end of the sweep."""

    lost_legs: int
    statuses: dict[str, int]
    errors: Counter[str]
    """What the ledger says of the legs that were lost."""
    exit_code: int
    seconds: float
    said: list[str] = field(default_factory=list)
    """What the user saw."""


def disturb(out: Path, *, encoders: int, epoch_seconds: float, until: float = 1800, how: str = TEXT) -> Report:
    """Run the sweep to its end, and report.

    Args:
        out: An empty folder.
        encoders: Trials.
        epoch_seconds: Seconds of each of a trial's three epochs.
        until: Seconds after which it is killed.
        how: What the GPU does to a leg: the text of an error, or SIGKILL to its process.
    """
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.broken_gpu", str(out / "sweep"), str(encoders)],
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), _SECONDS: str(epoch_seconds), _HOW: how},
    ) as process:
        try:
            _, said = process.communicate(timeout=until)
        except subprocess.TimeoutExpired:
            process.terminate()
            _, said = process.communicate(timeout=60)
    events = list(read_events(SweepFolder(out / "sweep")))
    lost = [event for event in events if isinstance(event, LegEnded) and event.outcome in ("lost", "fault")]
    return Report(
        lost_legs=len(lost),
        statuses={str(status): count for status, count in History(events).statuses.items() if count},
        errors=Counter(str(event.error) for event in lost),
        exit_code=process.returncode,
        seconds=time.monotonic() - started,
        said=said.splitlines(),
    )


def run_leg(spec: LegTask) -> Iterator[LegMessage]:
    """Run a leg with a pretended training; in the workers it replaces the engine's function."""
    from runners.worker import leg

    leg._fit = _pretend  # type: ignore[assignment]
    yield from leg.run_leg(spec)


def _pretend(spec: LegTask) -> Iterator[LegMessage]:
    import ray
    import torch

    yield LegFacts(facts={"from_epoch": 0, "parameters": 1, "device": "cuda", "threads": 1})
    if int(ray.get_gpu_ids()[0]) == BROKEN:
        if os.environ[_HOW] == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        raise torch.AcceleratorError(f"{os.environ[_HOW]}\nCUDA kernel errors might be asynchronously reported.")
    for epoch in range(spec.recorded_epochs + 1, spec.stop + 1):
        time.sleep(float(os.environ[_SECONDS]))
        yield epoch_message(epoch, int(spec.trial_key[:6], 16) / 16**6 * epoch / 10)
    yield ended_message("complete", spec.stop)


def main() -> int:
    """Run the sweep: argument 1 is its folder, argument 2 the number of its trials."""
    import ray

    from runners.core.plan import Limits
    from runners.engines import ray_tune
    from runners.engines.connection import Resources
    from runners.session.driver import Driver
    from runners.session.progress import Progress
    from tests.faults import broken_gpu

    original = ray.init
    ray.init = lambda **options: original(**{**options, "num_cpus": 2, "num_gpus": 2})
    ray_tune.run_leg = broken_gpu.run_leg  # type: ignore[attr-defined, assignment]
    folder = SweepFolder(sys.argv[1])
    folder.create(describe(encoders=int(sys.argv[2]), decoders=1))
    with Driver.open(folder, folder.describe(), Limits(), Progress()) as driver:
        ray_tune.run(driver, Resources())
        return 0 if driver.finished is not None else 1


if __name__ == "__main__":
    sys.exit(main())
