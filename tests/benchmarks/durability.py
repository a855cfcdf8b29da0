"""What surviving costs: journal and tables against neither, many legs, and opening a sweep of ten thousand legs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runners.worker.messages import EpochReport, LegMessage

CELLS = 30
MANY, MANY_ON_RAY = 10_000, 1_000


def measure(folder: Path) -> list[str]:
    """Time sweeps whose epochs sleep, and sweeps whose legs do nothing, each in a process of its own."""
    lines = []
    for seconds, epochs, goal in ((2.0, 30, 1.03), (0.1, 300, 1.10)):
        times = {True: 0.0, False: 0.0}
        for turn in range(4):
            durable = turn in (0, 3)
            times[durable] += _apart("sleeping", folder / f"{seconds}-{turn}", seconds, epochs, durable)
        ratio = times[True] / times[False]
        lines.append(f"epochs of {seconds:g} s, journal and tables against neither: {ratio:.3f} x (goal {goal:.2f})")
    for engine, legs in (("in-process", MANY), ("ray", MANY_ON_RAY)):
        costs = _apart("empty", folder / engine, engine, legs)
        first, last = costs["first"], costs["last"]
        lines.append(
            f"{legs:,} legs without work, {engine}: {1000 * first:.1f} ms per leg at the beginning, {1000 * last:.1f} "
            f"at the end, {last / first:.2f} x (goal 1.5); driver's memory {costs['memory']:.0f} MB more at the end"
        )
    lines.append(f"opening the sweep of {MANY:,} legs: {_apart('opened', folder / 'in-process'):.1f} s (goal 10)")
    return lines


def _apart(name: str, *arguments: Any) -> Any:
    values = ", ".join(repr(str(value)) if isinstance(value, Path) else repr(value) for value in arguments)
    code = f"from tests.benchmarks import durability; durability.{name}({values})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])


def sleeping(folder: str, seconds: float, epochs: int, durable: bool) -> None:
    """Print the seconds of a sweep whose epochs take so long, with or without journal and tables."""
    from runners.core.plan import Limits
    from runners.engines import in_process
    from runners.sweep_files.ledger import Ledger
    from runners.sweep_files.tables import Store
    from tests.benchmarks import noop

    def run_leg(spec: Any) -> Iterator[LegMessage]:
        for message in noop.run_leg(spec):
            if isinstance(message, EpochReport):
                time.sleep(seconds)
            yield message

    in_process.run_leg = run_leg  # type: ignore[assignment, attr-defined]
    if not durable:
        Ledger.append = lambda self, *events: None  # type: ignore[method-assign]
        Store.flush = lambda self: None  # type: ignore[method-assign]
        Store.add = lambda self, event: None  # type: ignore[method-assign]
    with _driver(folder, Limits(), decoders=3, encoders=1, epochs=epochs // 3) as driver:
        started = time.monotonic()
        in_process.run(driver)
        # The end of a session writes what is pending.
        driver._flush()
        print(time.monotonic() - started)


def empty(folder: str, engine: str, legs: int) -> None:
    """Print seconds per leg at the beginning and at the end, and how the driver's memory grew."""
    from runners.core.events import Event, LegEnded
    from runners.core.history import History
    from runners.core.plan import Limits
    from runners.engines import in_process, ray_tune
    from tests.benchmarks import noop

    in_process.run_leg = ray_tune.run_leg = noop.run_leg  # type: ignore[assignment, attr-defined]
    tenth = legs // 10
    ends: list[tuple[float, float]] = []

    def observe(event: Event, history: History) -> None:
        if isinstance(event, LegEnded):
            ends.append((time.monotonic(), _megabytes() if len(ends) % tenth == 0 else 0.0))

    limits = Limits(replicates=-(-legs // CELLS), trials=legs)
    with _driver(folder, limits, encoders=5, decoders=6, epochs=1, observe=observe) as driver:
        if engine == "ray":
            ray_tune.run(driver, ray_tune.Resources(slots=2))  # type: ignore[attr-defined]
        else:
            in_process.run(driver)
    assert len(ends) == legs
    per_leg = [(ends[b][0] - ends[a][0]) / tenth for a, b in ((0, tenth), (legs - tenth - 1, legs - 1))]
    print(json.dumps({"first": per_leg[0], "last": per_leg[1], "memory": _megabytes() - ends[0][1]}))


def opened(folder: str) -> None:
    """Print the seconds that a driver takes to take the sweep over and be ready to decide."""
    from runners.core.plan import Finished, Limits
    from runners.sweep_files.folder import SweepFolder
    from tests.runners.conftest import open_driver

    started = time.monotonic()
    with open_driver(SweepFolder(folder), Limits(replicates=-(-MANY // CELLS), trials=MANY)) as driver:
        assert isinstance(driver.next(), Finished)
        print(time.monotonic() - started)


def _driver(folder: str, limits: Any, *, observe: Any = lambda event, history: None, **space: int) -> Any:
    from runners.session.driver import Driver
    from runners.session.progress import Progress
    from runners.sweep_files.folder import SweepFolder
    from tests.runners.conftest import describe

    sweep = SweepFolder(folder)
    sweep.create(describe(**space))
    return Driver.open(sweep, sweep.describe(), limits, Progress(quiet=True), observe)


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
