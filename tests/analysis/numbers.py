"""Rows of small sweeps whose answers can be worked out by hand."""

from __future__ import annotations

import datetime
import json
from typing import Any

from tests.analysis.conftest import NOON, trial

FACTORS = [
    {"name": "encoder", "levels": {"resnet34": {}, "resnet18": {}}},
    {"name": "decoder", "levels": {"unet": {}, "fpn": {}}},
]


def arm_trial(key: str, encoder: str, decoder: str, replicate: int, iou: float | None, **more: Any) -> dict[str, Any]:
    """Return a trial of the arm `encoder-decoder`."""
    cell = {"encoder": encoder, "decoder": decoder}
    row = trial(key, f"{encoder}-{decoder}", iou=iou, test=iou)
    return row | {"cell": json.dumps(cell), "replicate": replicate, "role": "arm", **cell, "best_epoch": 2} | more


def image(key: str, subject: str | None, number: int, iou: float) -> dict[str, Any]:
    """Return the row of a test image."""
    return {"trial_key": key, "dataset": "d", "image": f"{number}.png", "subject": subject, "iou": iou}


def second(number: float) -> datetime.datetime:
    """Return a time so many seconds after noon."""
    return NOON + datetime.timedelta(seconds=number)


def small_tables() -> dict[str, list[dict[str, Any]]]:
    """Return a sweep of two arms with three replicates and four images of two persons.

    Selection, resnet18: unet 0.6, 0.7, 0.8; fpn 0.5, 0.5, 0.8. Test: unet is better by 0.2 on image 0, worse by 0.1
    on image 1, equal on the others.
    """
    trials: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    scores = {"unet": (0.6, 0.7, 0.8), "fpn": (0.5, 0.5, 0.8)}
    tests = {"unet": (0.7, 0.4, 0.5, 0.5), "fpn": (0.5, 0.5, 0.5, 0.5)}
    for which, decoder in enumerate(scores):
        for replicate, score in enumerate(scores[decoder]):
            key = f"{which}a{replicate}"
            trials.append(arm_trial(key, "resnet18", decoder, replicate, score, number=len(trials)))
            epochs += [{"trial_key": key, "epoch": e, "selection_iou": score / (3 - e), "at": NOON} for e in (1, 2)]
            images += [image(key, f"p{i // 2}", i, iou) for i, iou in enumerate(tests[decoder])]
            decisions.append(
                {"number": len(decisions), "at": NOON, "kind": "proposal", "by": "exhaustive", "trial_key": key}
                | {"reason": f"arm {which + 1} of 2, replicate {replicate + 1}"}
            )
    return {"trials": trials, "epochs": epochs, "images": images, "decisions": decisions}


DESCRIPTION: dict[str, Any] = {
    "factors": FACTORS,
    "data": [{"name": "belts", "fingerprint": "f" * 64, "path": "belts"}],
    "selection": [[0, 1], [0, 2]],
    "base": {"data": {"target": "seat_belt"}},
    "prune": "none",
    "eta": 3,
}
