"""`seatbelt best` on a large sweep."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt.arrow import arrow_schema
from seatbelt.records import TABLES

TRIALS, EPOCHS, SHARD = 10_000, 50, 100


def measure(folder: Path) -> list[str]:
    """Time the whole command on 10,000 trials of 50 epochs, and on 100 trials."""
    lines = []
    for trials in (100, TRIALS):
        sweep = folder / str(trials)
        write_sweep(sweep, trials)
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


def write_sweep(root: Path, trials: int) -> None:
    """Write the tables of a sweep that never ran: 30 arms, the rest replicates."""
    rng = np.random.default_rng(0)
    for table in TABLES:
        (root / table).mkdir(parents=True)
    (root / "sweep.json").write_text(json.dumps({"baselines": {"all background": 0.25}}))
    for shard in range(trials // SHARD):
        numbers = np.arange(shard * SHARD, (shard + 1) * SHARD)
        keys = [f"{number:012x}" for number in numbers]
        known = {
            "trial_key": keys,
            "arm_key": [f"{number % 30:012x}" for number in numbers],
            "number": numbers,
            "cell": [json.dumps({"encoder": f"e{n % 5}", "decoder": f"d{n % 30 // 5}"}) for n in numbers],
            "status": ["COMPLETE"] * SHARD,
            "epochs_done": [EPOCHS] * SHARD,
            "selection_iou": rng.random(SHARD),
            "test_iou": rng.random(SHARD),
            "train_seconds": rng.random(SHARD),
        }
        _write(root, "trials", shard, known, SHARD)
        repeated = {
            "trial_key": np.repeat(keys, EPOCHS),
            "epoch": np.tile(np.arange(1, EPOCHS + 1), SHARD),
            "selection_iou": rng.random(SHARD * EPOCHS),
        }
        _write(root, "epochs", shard, repeated, SHARD * EPOCHS)
        for table in ("images", "decisions"):
            _write(root, table, shard, {}, 0)


def _write(root: Path, table: str, shard: int, known: dict[str, object], rows: int) -> None:
    schema = arrow_schema(table)
    columns = [
        pa.array(known[field.name], field.type) if field.name in known else pa.nulls(rows, field.type)
        for field in schema
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), root / table / f"part-{shard:05d}.parquet")
