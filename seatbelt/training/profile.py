"""What an architecture costs: seconds per image and pixel, measured on this machine's CPU."""

from __future__ import annotations

import time

import torch

from seatbelt.config import LossConfig, ModelConfig
from seatbelt.models.architectures import build, segment
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve

_HEIGHT, _WIDTH, _IMAGES = 96, 160, 2


def step_seconds(model: ModelConfig) -> tuple[float, float]:
    """Return seconds per image and pixel of a training step and of an evaluation, one thread.

    Measured on two images of 96x160 pixels, the second of two steps.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = build(model, 1, weights=resolve(model.encoder, model.weights))
        images = torch.zeros(_IMAGES, 3, _HEIGHT, _WIDTH)
        targets = torch.zeros(_IMAGES, 1, _HEIGHT, _WIDTH)
        valid = torch.ones(_IMAGES, 1, _HEIGHT, _WIDTH, dtype=torch.bool)
        train = 0.0
        for _ in range(2):
            started = time.perf_counter()
            loss = segmentation_loss(segment(network, images), targets, valid, LossConfig())
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            train = time.perf_counter() - started
        network.eval()
        with torch.no_grad():
            started = time.perf_counter()
            segment(network, images)
            evaluate = time.perf_counter() - started
    finally:
        torch.set_num_threads(threads)
    scale = _IMAGES * _HEIGHT * _WIDTH
    return train / scale, evaluate / scale
