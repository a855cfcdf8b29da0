"""`make bench`: speed as ratios, side by side in one run. Seconds are of this machine; compare the ratios."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.benchmarks import (
    answers,
    cache,
    decisions,
    durability,
    graphs,
    legs,
    loader,
    memory,
    predict,
    preprocessing,
    report,
    results,
    sweep,
)

BENCHMARKS: dict[str, Callable[[Path], Iterable[str]]] = {
    "sweep": sweep.measure,
    "legs": legs.measure,
    "durability": durability.measure,
    "decisions": decisions.measure,
    "cache": cache.measure,
    "loader": loader.measure,
    "memory": memory.measure,
    "results": results.measure,
    "answers": answers.measure,
    "report": report.measure,
    "predict": predict.measure,
    "graphs": graphs.measure,
    "preprocessing": preprocessing.measure,
}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], default=[])
    names = parser.parse_args().names or list(BENCHMARKS)
    print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="seatbelt-bench-") as scratch:
        os.environ["SEATBELT_CACHE"] = str(Path(scratch) / "decoded")
        for name in names:
            folder = Path(scratch) / name
            folder.mkdir()
            for line in BENCHMARKS[name](folder):
                print(f"{name:<10} {line}", flush=True)


if __name__ == "__main__":
    main()
