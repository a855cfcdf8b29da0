"""Sweeps of the thesis' studies, with scores that are worked out from their levels."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatbelt.config.augmentation import TRANSFORMS
from tests.analysis.conftest import trial, write_sweep

Score = Callable[[Mapping[str, str]], float]

ARCHITECTURES = ("unetplusplus/resnet34", "unetplusplus/resnet50", "fpn/resnet101", "unet/resnet34")
STUDIES: dict[str, dict[str, Sequence[str]]] = {
    "architecture": {
        "encoder": ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
        "decoder": ("fpn", "unet", "unetplusplus"),
    },
    "generations": {
        "training_data": ("1", "2", "3", "4", "5", "6", "3-5", "2-6", "1-6", "real"),
        "augmentation": ("none", "all"),
    },
    "mixing": {"synthetic_share": ("0.0", "0.5", "0.9"), "weights": ("imagenet", "none")},
    "randomization": {"training_data": ("6", "6+randomized"), "augmentation": ("none", "all")},
    "pretraining": {"regime": ("synthetic", "real", "synthetic_then_real"), "architecture": ARCHITECTURES},
    "initialization": {"weights": ("imagenet", "none"), "architecture": ARCHITECTURES},
    "labels": {
        "context": ("none", "shirt", "skin", "skin+shirt", "shirt+skin+pants", "shirt+skin+hair", "all"),
    },
    # Some of the ten, so that all subsets are few.
    "augmentation": {name: ("off", "on") for name in TRANSFORMS[:3]},
}

_GENERATION = {"1": 0.0, "2": 0.1, "3": 0.2, "4": 0.2, "5": 0.25, "6": 0.22, "real": 0.25}


def as_the_thesis(study: str) -> Score:
    """Return scores in which every finding holds."""

    def architecture(cell: Mapping[str, str]) -> float:
        return 0.7 + (0.02 if (cell["encoder"], cell["decoder"]) == ("resnet34", "unetplusplus") else 0.0)

    def generations(cell: Mapping[str, str]) -> float:
        return 0.3 + _GENERATION.get(cell["training_data"], 0.3) + (0.1 if cell["augmentation"] == "all" else 0)

    def mixing(cell: Mapping[str, str]) -> float:
        if cell["weights"] == "imagenet":
            return 0.76 if cell["synthetic_share"] == "0.0" else 0.80
        return 0.44 if cell["synthetic_share"] == "0.0" else 0.73

    def randomization(cell: Mapping[str, str]) -> float:
        return 0.5 - 0.07 * (cell["training_data"] != "6") + 0.2 * (cell["augmentation"] == "all")

    def pretraining(cell: Mapping[str, str]) -> float:
        return {"synthetic": 0.7, "real": 0.75, "synthetic_then_real": 0.8}[cell["regime"]]

    def initialization(cell: Mapping[str, str]) -> float:
        gain = 0.2 if cell["architecture"].startswith("unetplusplus") else 0.1
        return 0.5 + (gain if cell["weights"] == "imagenet" else 0.0)

    def labels(cell: Mapping[str, str]) -> float:
        labels = set(cell["context"].split("+"))
        return 0.6 + 0.03 * bool(labels & {"shirt", "skin"}) - 0.05 * bool(labels & {"pants", "hair"})

    def augmentation(cell: Mapping[str, str]) -> float:
        return 0.5 + 0.05 * sum(level == "on" for level in cell.values())

    scores: dict[str, Score] = {
        **{"architecture": architecture, "generations": generations, "mixing": mixing, "labels": labels},
        **{"randomization": randomization, "pretraining": pretraining, "initialization": initialization},
        **{"augmentation": augmentation},
    }
    return scores[study]


def against_the_thesis(study: str) -> Score:
    """Return scores in which no finding holds: differences are reversed and larger."""
    thesis_score = as_the_thesis(study)

    def architecture(cell: Mapping[str, str]) -> float:
        return 0.5 + 0.05 * STUDIES["architecture"]["encoder"].index(cell["encoder"])

    def mixing(cell: Mapping[str, str]) -> float:
        alone = cell["synthetic_share"] == "0.0"
        return (0.9 if alone else 0.8) if cell["weights"] == "imagenet" else (0.7 if alone else 0.4)

    scores: dict[str, Score] = {"architecture": architecture, "mixing": mixing}
    return scores.get(study, lambda cell: 1.5 - 2 * thesis_score(cell))


def study_sweep(
    root: Path, study: str, score: Score, *, replicates: int = 4, noise: float = 0.001, **more: Any
) -> Path:
    """Write a full factorial of a study.

    Args:
        root: The folder to make.
        study: Its name.
        score: Cell -> test IoU, to which a constant of the replicate and noise are added.
        replicates: Of each cell.
        noise: Most that chance adds or takes.
        more: Further columns of every trial.
    """
    factors = STUDIES[study]
    chance = random.Random(study)
    trials = []
    for number, (replicate, *labels) in enumerate(itertools.product(range(replicates), *factors.values())):
        cell = dict(zip(factors, labels, strict=True))
        value = score(cell) + 0.1 * replicate + noise * chance.uniform(-1, 1)
        columns = {"cell": json.dumps(cell), "replicate": replicate, "role": "arm", "number": number, "config": "{}"}
        row = trial(f"{number:04x}", "-".join(labels), iou=value, test=value, epochs_planned=9, **columns)
        trials.append(row | more)
    described: list[dict[str, Any]] = [
        {"name": name, "levels": {x: {} for x in levels}, "range": None} for name, levels in factors.items()
    ]
    description = {
        "study": study,
        "factors": described,
        "rungs": [9],
        "data": [{"path": "belts", "name": "belts", "fingerprint": "f" * 64}],
    }
    return write_sweep(root, description=description, trials=trials)
