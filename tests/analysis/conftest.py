"""Small sweeps written by hand: tables of the recorded schema, and what analysis reads of sweep.json."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import Sweep, load
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES

Rows = list[dict[str, Any]]
MakeSweep = Callable[..., Sweep]

NOON = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def make_sweep(tmp_path: Path) -> MakeSweep:
    def make(name: str = "sweep", **tables: Rows) -> Sweep:
        return load(write_sweep(tmp_path / name, **tables))

    return make


def write_sweep(root: Path, *, description: dict[str, Any] | None = None, **tables: Rows) -> Path:
    for table in TABLES:
        rows = tables.get(table, [])
        (root / table).mkdir(parents=True)
        names = arrow_schema(table).names
        whole = [dict.fromkeys(names) | row for row in rows]
        assert all(set(row) == set(names) for row in whole)
        # More than two rows take two shards.
        for number, part in enumerate((whole[:2], whole[2:])):
            if part or number == 0:
                shard = pa.Table.from_pylist(part, schema=arrow_schema(table))
                pq.write_table(shard, root / table / f"{number:05}.parquet")
    content = {"baselines": {"all background": 0.25, "mean mask": 0.5}, **(description or {})}
    (root / "sweep.json").write_text(json.dumps(content))
    return root


def trial(
    key: str, arm: str, *, iou: float | None, status: str = "COMPLETE", test: float | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "trial_key": key,
        "arm_key": arm,
        "cell": json.dumps({"encoder": arm, "decoder": "fpn"}),
        "status": status,
        "epochs_done": 0 if iou is None else 9,
        "selection_iou": iou,
        "selection_iou_with_target": None if iou is None else iou / 2,
        "test_iou": test,
        "train_seconds": 10.0,
        "parameters": 2_500_000,
        "planned_at": NOON,
        "exempt": False,
        **more,
    }


@pytest.fixture
def replicated(make_sweep: MakeSweep) -> Sweep:
    """A lucky arm with one outstanding replicate, a steady arm, and one that was never finished."""
    return make_sweep(
        trials=[
            trial("a1", "lucky", iou=0.90, test=0.5),
            trial("a2", "lucky", iou=0.50, test=0.4),
            trial("b1", "steady", iou=0.75, test=0.3),
            trial("b2", "steady", iou=0.73, test=0.2),
            trial("c1", "pruned", iou=0.99, status="PRUNED", epochs_done=3),
            trial("d1", "planned", iou=None, status="PLANNED"),
        ]
    )
