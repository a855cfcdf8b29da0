"""`seatbelt predict` on 1,000 images of 848x480, beside a plain loop over segmentation-models-pytorch.

Both run the same network with the same weights in one process and write one mask for each image; ours also writes the
table of numbers. They take turns in blocks of 250 images, so that other load of the machine hits both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from seatbelt.inference.model import Model

HEIGHT, WIDTH, SIZE = 480, 848, (96, 160)
IMAGES, BLOCK, SCENES = 1000, 250, 20


def measure(folder: Path) -> list[str]:
    """Time both in turn, and look at the memory of ours."""
    code = f"from tests.benchmarks.predict import compare; compare({os.fspath(folder)!r})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    numbers = json.loads(answer.stdout.strip().splitlines()[-1])
    ours, plain = numbers["ours"], numbers["plain"]
    growth = numbers["memory"]
    return [
        f"{IMAGES} images {WIDTH}x{HEIGHT}, unet with lite0 at {SIZE[1]}x{SIZE[0]}, {os.cpu_count()} cores: ours "
        f"{IMAGES / ours:.1f} images/s, plain loop over smp {IMAGES / plain:.1f}: {plain / ours:.2f} x (goal 1)",
        f"memory of ours (RSS, largest so far) after each {BLOCK} images: {', '.join(f'{mb:.0f} MB' for mb in growth)}",
    ]


def compare(folder: str) -> None:
    """Print the seconds of both, and the memory of ours, as JSON."""
    import resource

    import torch

    root = Path(folder)
    torch.set_num_threads(os.cpu_count() or 1)
    images = list(_draw_images(root / "images"))
    model = _model()
    seconds = {"ours": 0.0, "plain": 0.0}
    memory = []
    for start in range(0, IMAGES, BLOCK):
        block = images[start : start + BLOCK]
        for name, run in (("ours", _ours), ("plain", _plain)):
            started = time.perf_counter()
            run(model, block, root / f"{name}-{start}")
            seconds[name] += time.perf_counter() - started
            if name == "ours":
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({**seconds, "memory": memory}))


def _draw_images(folder: Path) -> Iterator[Path]:
    """Write photographs: rendered scenes with noise, so that their JPEG files are as large as a camera's."""
    import cv2
    import numpy as np

    from seatbelt.data.scenes import write_dataset

    write_dataset(folder / "scenes", generations={"camera": SCENES}, size=(212, 120), seed=0, processes=1)
    scenes = [cv2.imread(os.fspath(path)) for path in sorted((folder / "scenes" / "images").iterdir())]
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        large = cv2.resize(scenes[number % SCENES], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(large + rng.normal(0, 3, large.shape), 0, 255).astype(np.uint8)
        path = folder / f"{number:04}.jpg"
        cv2.imwrite(os.fspath(path), noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
        yield path


def _model() -> Model:
    from tests.seatbelt.inference.models import record, untrained

    return untrained(record(decoder="unet", height=SIZE[0], width=SIZE[1]))


def _ours(model: Model, images: list[Path], out: Path) -> None:
    import runners.models.predict as command

    original: Callable[[str, str, str], object] = command.open_predictor
    command.open_predictor = lambda place, trial, device: model  # loading is not timed
    try:
        places = tuple(map(os.fspath, images))
        outcome = command.predict(command.PredictRequest(model="model", places=places, out=out))
    finally:
        command.open_predictor = original  # type: ignore[assignment]
    assert len(outcome.rows) == len(images)


def _plain(model: Model, images: list[Path], out: Path) -> None:
    """Predict as a script over smp does."""
    import cv2
    import torch

    network: nn.Module = model.networks[0]
    mean = torch.tensor(model.record.mean).view(3, 1, 1)
    std = torch.tensor(model.record.std).view(3, 1, 1)
    out.mkdir()
    with torch.no_grad():
        for path in images:
            image = cv2.cvtColor(cv2.imread(os.fspath(path)), cv2.COLOR_BGR2RGB)
            small = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA)
            pixels = (torch.from_numpy(small).permute(2, 0, 1).float() / 255 - mean) / std
            logits = network(pixels[None])
            large = torch.nn.functional.interpolate(logits, size=image.shape[:2], mode="bilinear")
            mask = (torch.sigmoid(large)[0, 0] > 0.5).numpy().astype("uint8")
            cv2.imwrite(os.fspath(out / f"{path.stem}.png"), mask)
