"""Small untrained models for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt.config.trial import ModelConfig
from seatbelt.inference.model import Model
from seatbelt.inference.record import ModelLabel, ModelRecord, Training, TrainingData, Weights
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve


def record(*, decoder: str = "fpn", members: int = 1, context: tuple[str, ...] = (), **fields: Any) -> ModelRecord:
    labels = (
        ModelLabel(name="seat_belt", classes={"seat_belt": 3}),
        *(ModelLabel(name=name, classes={name: number}) for number, name in enumerate(context, start=5)),
    )
    values: dict[str, Any] = {
        "members": members,
        "architecture": ModelConfig(encoder="lite0", decoder=decoder, weights="none"),
        "labels": labels,
        "background": 1,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4),
        "height": 40,
        "width": 56,
        "training": Training(
            study="architecture",
            sweep="belts",
            identity="0123456789abcdef",
            arm_key="a" * 12,
            trials=tuple(f"{member:012x}" for member in range(members)),
            seeds=tuple(range(members)),
            epochs=(7,) * members,
            data=(TrainingData(name="stripes", fingerprint="f" * 64),),
            images={"train real": 8, "test": 4},
            configuration={"seed": 0},
        ),
        "scores": {"selection_iou": 0.5, "test_iou": None},
        "weights": Weights(spec="none", sha256=None, licence="random initial weights: none"),
        "versions": {"torch": "2"},
        "created": "2026-01-01T00:00:00+00:00",
        "files": {},
    }
    return ModelRecord(**{**values, **fields})


def untrained(described: ModelRecord) -> Model:
    """Return a model with random weights, scaled so that its probabilities are neither all 0 nor all 1."""
    torch.manual_seed(0)
    architecture = described.architecture
    networks = []
    for _ in range(described.members):
        network = build(architecture, len(described.labels), weights=resolve(architecture.encoder, "none"))
        name = "segmentation_head.head.4" if architecture.decoder == "dpt" else "segmentation_head.0"
        with torch.no_grad():
            network.get_submodule(name).weight.mul_(8)
        networks.append(network.eval())
    return Model(described, networks)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
