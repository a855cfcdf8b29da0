"""What a Ray sweep adds to its training."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from runners.core.events import LegBegan, SessionOpened
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.conftest import draw_data

SLOTS = 2


def measure(folder: Path) -> list[str]:
    """Compare the wall time of a sweep with the seconds of its epochs per slot."""
    data = draw_data(
        folder / "data",
        "stripes",
        subjects=40,
        images=3,
        test_subjects=2,
        generations={},
        height=64,
        width=96,
    )
    command = [
        *(
            sys.executable,
            "-m",
            "runners.cli",
            "sweep",
            "architecture",
            "--data",
            str(data),
            "--out",
            str(folder),
        ),
        *(
            "--set",
            "encoder=lite0",
            "--set",
            "decoder=linknet,fpn",
            "--fix",
            "weights=none",
            "--max-epochs",
            "6",
        ),
        *("--replicates", "4", "--slots", str(SLOTS), "--quiet"),
    ]
    started = time.time()
    subprocess.run(command, check=True)
    ended = time.time()
    sweep = SweepFolder(folder / "architecture")
    epochs = pd.read_parquet(sweep.root / "epochs")
    seconds = epochs["train_seconds"] + epochs["evaluation_seconds"]
    first = min(event.at for event in read_events(sweep) if isinstance(event, LegBegan))
    opened = min(event.at for event in read_events(sweep) if isinstance(event, SessionOpened))
    per_slot = float(seconds.sum()) / SLOTS
    return [
        f"{len(epochs)} epochs of {seconds.mean():.2f} s on {SLOTS} slots: {per_slot:.1f} s per slot",
        f"from the first leg's begin to the end {ended - first:.1f} s: {(ended - first) / per_slot:.3f} x (goal 1.10)",
        f"with the start of Ray and the imports {ended - opened:.1f} s: {(ended - opened) / per_slot:.3f} x",
        f"with the preparation of the data too {ended - started:.1f} s: {(ended - started) / per_slot:.3f} x",
    ]
