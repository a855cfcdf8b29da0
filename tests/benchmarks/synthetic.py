"""The tables of a sweep of any size that never ran: ten switches, pruned at two rungs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES

SHARD = 100
"""Trials in a file, as a sweep writes them."""

_MOST_ARMS = 1024
_NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
_CURVES = ("train_loss", "validation_loss", "validation_iou", "selection_loss", "selection_iou")


def write_sweep(root: Path, trials: int, epochs: int, *, pruned: bool = False) -> None:
    """Write the tables of a sweep.

    Args:
        root: The folder to make.
        trials: A multiple of 100.
        epochs: Full epochs of each.
        pruned: Two thirds of the trials stop at a ninth of the epochs, and two thirds of the others at a third.
    """
    rungs = [max(1, epochs // 9), max(1, epochs // 3), epochs] if pruned else [epochs]
    for table in TABLES:
        (root / table).mkdir(parents=True)
    (root / "sweep.json").write_text(json.dumps(_description(rungs)))
    rng = np.random.default_rng(0)
    arms = min(_MOST_ARMS, max(1, trials // 2))
    bits = (np.arange(trials)[:, None] % arms >> np.arange(len(TRANSFORMS))) & 1
    worth = np.linspace(-0.02, 0.04, len(TRANSFORMS))
    final = 0.5 + bits @ worth + rng.normal(0, 0.02, trials)
    for shard in range(trials // SHARD):
        numbers = np.arange(shard * SHARD, (shard + 1) * SHARD)
        stops = [_stop(rank, rungs) for rank in numbers % 9]
        _write(root, "trials", shard, _trials(numbers, arms, bits[numbers], final[numbers], stops, epochs))
        _write(root, "epochs", shard, _epochs(numbers, final[numbers], stops, epochs, rng))
        for table in ("images", "decisions"):
            _write(root, table, shard, {})


def _description(rungs: list[int]) -> dict[str, Any]:
    factors = [
        {
            "name": name,
            "levels": {level: {f"augmentation.transforms.{name}": level} for level in ("off", "on")},
            "range": None,
        }
        for name in TRANSFORMS
    ]
    return {
        "study": "augmentation",
        "question": "Which subset?",
        "factors": factors,
        "rungs": rungs,
        "baseline": dict.fromkeys(TRANSFORMS, "on"),
        "baselines": {"all background": 0.25},
    }


def _stop(rank: int, rungs: list[int]) -> int:
    return rungs[-1] if len(rungs) == 1 or rank == 0 else rungs[1] if rank < 3 else rungs[0]


def _trials(numbers: Any, arms: int, bits: Any, final: Any, stops: list[int], epochs: int) -> dict[str, Any]:
    cells = [{name: ("off", "on")[bit] for name, bit in zip(TRANSFORMS, row, strict=True)} for row in bits.tolist()]
    whole = [stop == epochs for stop in stops]
    reached = [score * _learned(stop, epochs) for score, stop in zip(final, stops, strict=True)]
    return {
        "trial_key": [f"{number:012x}" for number in numbers],
        "arm_key": [f"{number % arms:012x}" for number in numbers],
        "number": numbers,
        "study": ["augmentation"] * SHARD,
        "cell": [json.dumps(cell) for cell in cells],
        "replicate": numbers // arms,
        "status": ["COMPLETE" if done else "PRUNED" for done in whole],
        "exempt": [False] * SHARD,
        "role": ["arm"] * SHARD,
        "epochs_done": stops,
        "epochs_planned": [epochs] * SHARD,
        "selection_iou": reached,
        "selection_iou_with_target": reached,
        "test_iou": [score if done else None for score, done in zip(reached, whole, strict=True)],
        "train_seconds": [float(stop) for stop in stops],
        "encoder": ["resnet34"] * SHARD,
        "decoder": ["unetplusplus"] * SHARD,
        "planned_at": [_NOON] * SHARD,
        "ended_at": [_NOON + datetime.timedelta(seconds=stop) for stop in stops],
        "config": ["{}"] * SHARD,
    }


def _epochs(numbers: Any, final: Any, stops: list[int], epochs: int, rng: np.random.Generator) -> dict[str, Any]:
    steps = np.concatenate([np.arange(1, stop + 1) for stop in stops])
    scores = np.repeat(final, stops) * _learned(steps, epochs)
    values: dict[str, Any] = {name: rng.random(len(steps)) for name in _CURVES}
    return {
        **values,
        "trial_key": np.repeat([f"{number:012x}" for number in numbers], stops),
        "epoch": steps,
        "selection_iou": scores,
        "at": [_NOON + datetime.timedelta(seconds=int(step)) for step in steps],
    }


def _learned(epoch: Any, epochs: int) -> Any:
    """Return the share of the final score after so many epochs."""
    return (1 - np.exp(-5 * epoch / epochs)) / (1 - np.exp(-5))


def _write(root: Path, table: str, shard: int, values: dict[str, Any]) -> None:
    schema = arrow_schema(table)
    rows = len(values["trial_key"]) if values else 0
    columns = [
        pa.array(values[field.name], field.type) if field.name in values else pa.nulls(rows, field.type)
        for field in schema
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), root / table / f"part-{shard:05d}.parquet")
