"""A sweep as large as any: 10,000 trials of up to 100 epochs, promoted through rungs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES

NOON = np.datetime64("2026-03-01T12:00:00", "us")
SWITCHES = [f"transform_{letter}" for letter in "abcdefghij"]
RUNGS = (33, 100)
_SHARD = 500


def write_large_sweep(root: Path, *, trials: int = 10_000, images: int = 222, pruned: bool = True) -> Path:
    """Write the tables of a sweep that never ran: each trial an arm of its own, each third one promoted.

    Args:
        root: Its folder.
        trials: Number of trials.
        images: Test images of each complete trial.
        pruned: Whether two thirds end at the first rung; else all have all epochs.
    """
    rng = np.random.default_rng(0)
    for table in TABLES:
        (root / table).mkdir(parents=True)
    (root / "sweep.json").write_text(json.dumps(_description(pruned)))
    decided = 0
    for shard in range(-(-trials // _SHARD)):
        numbers = np.arange(shard * _SHARD, min(trials, (shard + 1) * _SHARD))
        went_on = np.full(len(numbers), True) if not pruned else numbers % 3 == 0
        epochs = np.where(went_on, RUNGS[1], RUNGS[0])
        columns = _trials(numbers, went_on, epochs, rng)
        _write(root, "trials", shard, columns, len(numbers))
        _write(root, "epochs", shard, _epochs(columns, epochs, rng), int(epochs.sum()))
        complete = [key for key, on in zip(columns["trial_key"], went_on, strict=True) if on]
        _write(root, "images", shard, _images(complete, images, rng), len(complete) * images)
        rows = len(numbers) if pruned else 0
        _write(root, "decisions", shard, _decisions(columns, went_on, decided) if pruned else {}, rows)
        decided += rows
    return root


def _description(pruned: bool) -> dict[str, Any]:
    return {
        "study": "augmentation",
        "question": "Which transforms help?",
        "factors": [{"name": name, "levels": {"off": {}, "on": {}}, "range": None} for name in SWITCHES],
        "baseline": dict.fromkeys(SWITCHES, "on"),
        "baselines": {"all background": 0.25},
        "rungs": list(RUNGS) if pruned else [RUNGS[1]],
        "eta": 3,
        "prune": "asha" if pruned else "none",
        "arms": {},
        "base": {"data": {"target": "seat_belt"}},
        "data": [{"name": "large", "fingerprint": "f" * 64, "path": "large"}],
        "selection": [[0, 1]],
        "select_on": "real",
    }


def _trials(numbers: Any, went_on: Any, epochs: Any, rng: np.random.Generator) -> dict[str, Any]:
    keys = [f"{number:012x}" for number in numbers]
    bits = [[(int(number) >> place) & 1 for place in range(10)] for number in numbers]
    cells = [dict(zip(SWITCHES, ("on" if bit else "off" for bit in row), strict=True)) for row in bits]
    score = 0.5 + 0.02 * (np.array(bits) @ np.linspace(-1, 1, 10)) + rng.normal(0, 0.02, len(numbers))
    return {
        "trial_key": keys,
        "arm_key": [f"a{number:011x}" for number in numbers],
        "number": numbers,
        "cell": [json.dumps(cell) for cell in cells],
        "config": ["{}"] * len(numbers),
        "replicate": np.zeros(len(numbers), int),
        "status": np.where(went_on, "COMPLETE", "PRUNED").tolist(),
        "exempt": [False] * len(numbers),
        "role": ["arm"] * len(numbers),
        "epochs_done": epochs,
        "epochs_planned": np.full(len(numbers), RUNGS[1]),
        "attempts": np.ones(len(numbers), int),
        "selection_iou": score,
        "selection_iou_with_target": score - 0.1,
        "test_iou": np.where(went_on, score - 0.05, np.nan),
        "train_seconds": epochs * rng.uniform(8, 12, len(numbers)),
        "seconds": epochs * 14.0,
        "train_real": np.full(len(numbers), 239),
        "train_synthetic": np.zeros(len(numbers), int),
        "parameters": np.full(len(numbers), 3_117_233),
    }


def _epochs(trials: dict[str, Any], epochs: Any, rng: np.random.Generator) -> dict[str, Any]:
    epoch = np.concatenate([np.arange(1, count + 1) for count in epochs])
    final = np.repeat(trials["selection_iou"], epochs)
    scores = final * (1 - np.exp(-epoch / 12)) + rng.normal(0, 0.004, len(epoch))
    at = NOON + (np.repeat(trials["number"], epochs) * 1000 + epoch).astype("timedelta64[s]")
    return {
        "trial_key": np.repeat(trials["trial_key"], epochs),
        "epoch": epoch,
        "selection_iou": np.minimum(scores, final),
        "at": at,
    }


def _images(keys: list[str], images: int, rng: np.random.Generator) -> dict[str, Any]:
    names = [f"{number}.png" for number in range(images)]
    return {
        "trial_key": np.repeat(keys, images),
        "dataset": ["large"] * (len(keys) * images),
        "image": names * len(keys),
        "subject": [f"p{number // 4}" for number in range(images)] * len(keys),
        "iou": rng.uniform(0, 1, len(keys) * images),
    }


def _decisions(trials: dict[str, Any], went_on: Any, first: int) -> dict[str, Any]:
    n = len(went_on)
    return {
        "number": np.arange(first, first + n),
        "at": np.full(n, NOON),
        "kind": np.where(went_on, "promotion", "prune").tolist(),
        "trial_key": trials["trial_key"],
        "by": ["asha"] * n,
        "epoch": np.full(n, RUNGS[0]),
        "score": trials["selection_iou"],
        "rank": np.arange(1, n + 1),
        "compared": np.full(n, n),
        "allowed": np.full(n, n // 3),
        "reason": ["best of those waiting" if on else "not among the best" for on in went_on],
    }


def _write(root: Path, table: str, shard: int, values: dict[str, Any], rows: int) -> None:
    schema = arrow_schema(table)
    columns = [
        pa.array(values[field.name]).cast(field.type) if field.name in values else pa.nulls(rows, field.type)
        for field in schema
    ]
    columns = [
        pa.array([datetime.datetime(2026, 3, 1)] * rows, field.type) if field.name == "planned_at" else column
        for field, column in zip(schema, columns, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), root / table / f"part-{shard:05d}.parquet")
