"""A report on a large sweep: how long it takes to make and, with a Chromium, to open."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.analysis.report.browser import CHROMIUM, browser
from tests.analysis.report.large import write_large_sweep

TRIALS = 10_000


def measure(folder: Path) -> list[str]:
    """Time the whole command on 10,000 trials of up to 100 epochs, and the page that it makes."""
    lines = []
    for name, pruned in (("pruned", True), ("whole", False)):
        sweep = write_large_sweep(folder / name, trials=TRIALS, pruned=pruned)
        page = sweep / "report" / "report.html"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "runners.cli", "report", str(sweep)], check=True, capture_output=True)
        took = time.perf_counter() - started
        megabytes = page.stat().st_size / 1e6
        lines.append(f"report on {TRIALS:,} {name} trials x 100 epochs: {took:.1f} s, {megabytes:.1f} MB")
        if CHROMIUM is not None:
            lines.append(f"that page is shown after {_opened(page, folder / f'{name}-profile'):.2f} s (goal 2)")
    return lines


def _opened(page: Path, profile: Path) -> float:
    with browser(profile) as session:
        seconds = []
        for _ in range(3):
            session.open("about:blank#")
            session.open(page.as_uri())
            seconds.append(session.run("performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000)
        return float(sorted(seconds)[1])
