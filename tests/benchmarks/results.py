"""`seatbelt best` on a large sweep."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.synthetic import write_sweep

TRIALS, EPOCHS = 10_000, 50


def measure(folder: Path) -> list[str]:
    """Time the whole command on 10,000 trials of 50 epochs, and on 100 trials."""
    lines = []
    for trials in (100, TRIALS):
        sweep = folder / str(trials)
        write_sweep(sweep, trials, EPOCHS)
        command = [sys.executable, "-m", "runners.cli", "best", str(sweep)]
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
        lines.append(
            f"best on {trials:,} trials x {EPOCHS} epochs: {sorted(seconds)[2]:.2f} s, start included (goal 1.5)"
        )
    return lines
