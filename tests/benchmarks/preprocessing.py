"""What wrong preprocessing costs: one trained model, its test images, and four ways of preparing them."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatbelt.inference.model import Model

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def measure(folder: Path) -> list[str]:
    """Train a small model on scenes, and score its test images at their own size."""
    import torch

    from runners.models.trained_model import choose_trial, trained_model
    from runners.sweep_files.folder import SweepFolder
    from runners.sweep_files.trial_lookup import read_history
    from seatbelt.data.scenes import write_dataset
    from tests.command_line import answer

    data = folder / "scenes"
    write_dataset(data, generations={"camera": 180}, size=(212, 120), seed=0, processes=1)
    with contextlib.redirect_stderr(io.StringIO()):
        answer(
            *("sweep", "architecture", "--data", str(data), "--out", str(folder), "--name", "s"),
            *("--set", "encoder=lite0@imagenet", "--set", "decoder=unet", "--fix", "real=true"),
            *("--fix", "generations=none", "--fix", "augmentation=none", "--fix", "batch_size=8"),
            *("--fix", "encoder_learning_rate=0.001", "--fix", "decoder_learning_rate=0.003"),
            *("--size", "64x112", "--max-epochs", "6", "--engine", "in-process", "--quiet"),
        )
    torch.set_num_threads(os.cpu_count() or 1)
    sweep = SweepFolder(folder / "s")
    model = trained_model(sweep, [choose_trial(read_history(sweep), "best", sweep.name)], "cpu")
    ways = {
        "right (mean and deviation 0.5, 112x64)": model,
        "ImageNet's mean and deviation": _changed(model, mean=IMAGENET[0], std=IMAGENET[1]),
        "values from 0 to 1, not normalised": _changed(model, mean=(0.0,) * 3, std=(1.0,) * 3),
        "right mean, at the size of the images (212x120)": _changed(model, height=120, width=212),
    }
    return [f"{way}: mean test IoU {_score(changed, data):.3f}" for way, changed in ways.items()]


def _changed(model: Model, **fields: object) -> Model:
    return type(model)(model.record.model_copy(update=fields), model.networks)


def _score(model: Model, data: Path) -> float:
    import numpy as np

    from seatbelt.data.datasets.dataset import decode, read
    from seatbelt.inference.export import mask_iou

    dataset = read(data)
    number = dataset.classes[dataset.target]
    scores = []
    for row in dataset.rows:
        if row.split == "test":
            pixels, mask = decode(dataset, row)
            scores.append(mask_iou(model.predict(pixels).mask, np.asarray(mask == number)))
    return float(np.mean(scores))
