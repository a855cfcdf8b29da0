"""A small sweep with a trial of every kind; its export can be worked out by hand."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.conftest import NOON, trial, write_sweep

RATE = {"field": "optimisation.encoder_learning_rate", "low": 1e-4, "high": 1e-2, "log": True}

DESCRIPTION: dict[str, Any] = {
    "study": "mine",
    "question": "Which?",
    "base": {"model": {"encoder": "a", "decoder": "unet"}},
    "factors": [
        {"name": "encoder", "levels": {"a": {"model.encoder": "a"}, "b": {"model.encoder": "b"}}, "range": None},
        {"name": "rate", "levels": {}, "range": RATE},
    ],
    "arms": {"beside": {"model.decoder": "fpn"}},
    "rungs": [1, 3],
}


def planned(key: str, number: int, encoder: str, rate: str, status: str, **more: Any) -> dict[str, Any]:
    cell = json.dumps({"encoder": encoder, "rate": rate})
    row = {
        **trial(key, f"arm{encoder}{rate}", iou=None, status=status),
        "cell": cell,
        "number": number,
        "replicate": 0,
        "role": "arm",
        "encoder": f"res{encoder}",
        "config": json.dumps({"model": {"decoder": "unet"}}),
    }
    return row | more


def epochs(key: str, *scores: float | None) -> list[dict[str, Any]]:
    return [
        {
            "trial_key": key,
            "epoch": number,
            "selection_iou": score,
            "train_loss": 1 / number,
            "at": NOON + datetime.timedelta(seconds=number),
        }
        for number, score in enumerate(scores, start=1)
    ]


def small_tables() -> dict[str, list[dict[str, Any]]]:
    ended = {"ended_at": NOON + datetime.timedelta(minutes=1)}
    done = {"selection_iou": 0.5, "test_iou": 0.25, "epochs_done": 3, "best_epoch": 2, "seconds": 9.0, **ended}
    beside = {**done, "cell": json.dumps({"arm": "beside"}), "config": json.dumps({"model": {"decoder": "fpn"}})}
    trials = [
        planned("k0", 0, "a", "0.001", "COMPLETE", **done),
        planned("k1", 1, "a", "0.001", "COMPLETE", **{**done, "selection_iou": 0.7, "replicate": 1}),
        planned("k2", 2, "b", "0.01", "PRUNED", selection_iou=0.2, epochs_done=1, **ended),
        planned("k3", 3, "b", "0.0001", "DIVERGED", epochs_done=1, error="loss is nan", **ended),
        planned("k4", 4, "b", "0.002", "RUNNING", epochs_done=1),
        planned("k5", 5, "a", "0.003", "PLANNED"),
        planned("k6", 6, "b", "0.003", "COMPLETE", **{**done, "selection_iou": 0.6}),
        planned("k7", 7, "a", "0.001", "COMPLETE", **{**done, "role": "confirmation", "replicate": 100_000}),
        planned("k8", 8, "a", "0.001", "COMPLETE", **beside),
    ]
    whole = [row for key in ("k0", "k1", "k6", "k7", "k8") for row in epochs(key, 0.1, 0.5, 0.4)]
    return {"trials": trials, "epochs": [*whole, *epochs("k2", 0.2), *epochs("k3", None), *epochs("k4", 0.3)]}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweeps" / "first", description=DESCRIPTION, **small_tables())
