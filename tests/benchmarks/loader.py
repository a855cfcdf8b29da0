"""Training images per second and core: our input pipeline against the plain way of writing one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HEIGHT, WIDTH, BATCH = 480, 848, 4
IMAGES, REPEATS = 24, 4
Samples = tuple[Any, Any]


def measure(folder: Path) -> list[str]:
    """Time both pipelines in turn, in one process on one core: CPU seconds, so that other load matters little."""
    code = f"from tests.benchmarks.loader import compare; compare({os.fspath(folder)!r})"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    times = json.loads(answer.stdout.strip().splitlines()[-1])
    ours, plain = times["ours"], times["plain"]
    lines = [
        f"all ten augmentations at p = 0.5, {WIDTH}x{HEIGHT}, images per second and core: ours {1 / ours:.0f}, plain "
        f"DataLoader with PNG decoding and albumentations' defaults {1 / plain:.0f}: {plain / ours:.1f} x (goal 5)",
        f"without augmentation: ours {1000 * times['ours, none']:.2f} ms per image, plain "
        f"{1000 * times['plain, none']:.1f}: {times['plain, none'] / times['ours, none']:.0f} x",
    ]
    each = [
        f"ms per image of each of ours at {size}: "
        + ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in transforms.items())
        for size, transforms in times["transforms"].items()
    ]
    return [*lines, *each]


def compare(folder: str) -> None:
    """Print the seconds per image of each pipeline as JSON."""
    import cv2
    import torch

    from seatbelt.data.scenes import write_dataset

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    root = Path(folder) / "scenes"
    write_dataset(
        root, generations={"5": IMAGES // 2, "camera": IMAGES // 2}, size=(WIDTH, HEIGHT), seed=0, processes=1
    )
    pipelines = {
        # The plain ones come first: our loader changes how this process keeps its memory.
        "plain": _plain(root, augmented=True),
        "plain, none": _plain(root, augmented=False),
        "ours": _ours(root, probability=0.5),
        "ours, none": _ours(root, probability=0.0),
    }
    times: dict[str, Any] = {name: _seconds(pipeline) for name, pipeline in pipelines.items()}
    times["transforms"] = {f"{width}x{height}": _single(root, height, width) for height, width in _SIZES}
    print(json.dumps(times))


def _seconds(batches: Callable[[int], Iterable[Samples]]) -> float:
    """Return the least CPU seconds per image of some repeats, after a first pass that builds what is built once."""
    for _ in batches(0):
        pass
    best = float("inf")
    for repeat in range(1, REPEATS + 1):
        started = time.process_time()
        number = sum(len(images) for images, _ in batches(repeat))
        best = min(best, (time.process_time() - started) / number)
    return best


def _ours(root: Path, *, probability: float) -> Callable[[int], Iterable[Samples]]:
    from seatbelt.config.trial import TrialConfig
    from seatbelt.data.loading.loader import TrainingLoader

    changes = {"augmentation.probability": probability, "optimisation.batch_size": BATCH}
    loaders: list[TrainingLoader] = []

    def batches(repeat: int) -> Iterable[Samples]:
        if not loaders:
            loaders.append(TrainingLoader(_samples(root), TrialConfig().with_fields(changes), workers=0))
        return loaders[0].epoch(repeat)

    return batches


def _samples(root: Path) -> Any:
    from seatbelt.data.datasets.dataset import fingerprint, read
    from seatbelt.data.datasets.labels import channel_codes
    from seatbelt.data.loading.decoded_cache import open_decoded
    from seatbelt.data.loading.loader import Samples

    dataset = read(root)
    decoded = open_decoded(dataset, fingerprint(dataset), height=HEIGHT, width=WIDTH)
    codes = channel_codes(dataset.classes, (dataset.target,))
    return Samples(decoded=(decoded,), codes=(codes,), indices=tuple((0, i) for i in range(IMAGES)))


def _plain(root: Path, *, augmented: bool) -> Callable[[int], Iterable[Samples]]:
    """Return the usual pipeline: it decodes files one by one, and its transforms have their default parameters."""
    import albumentations as A
    import cv2
    import torch
    from torch.utils.data import DataLoader, Dataset

    half = 0.5
    ten = [
        A.RandomRotate90(p=half),
        A.RandomCrop(height=round(0.8 * HEIGHT), width=round(0.8 * WIDTH), pad_if_needed=True, p=half),
        A.CoarseDropout(p=half),
        A.Affine(p=half),
        A.Solarize(p=half),
        A.RandomBrightnessContrast(p=half),
        A.ElasticTransform(p=half),
        A.RandomFog(p=half),
        A.GridDistortion(p=half),
        A.HueSaturationValue(p=half),
    ]
    compose = A.Compose([*(ten if augmented else []), A.Resize(HEIGHT, WIDTH)], seed=0)
    images, masks = (sorted((root / name).glob("*.png")) for name in ("images", "masks"))

    class Plain(Dataset[Samples]):
        def __len__(self) -> int:
            return IMAGES

        def __getitem__(self, index: int) -> Samples:
            image = cv2.cvtColor(cv2.imread(str(images[index])), cv2.COLOR_BGR2RGB)
            mask = cv2.imread(str(masks[index]), cv2.IMREAD_GRAYSCALE)
            transformed = compose(image=image, mask=mask)
            return torch.from_numpy(transformed["image"]), torch.from_numpy(transformed["mask"])

    loader = DataLoader(Plain(), batch_size=BATCH, shuffle=True)
    return lambda repeat: loader


_SIZES = ((96, 160), (HEIGHT, WIDTH))


def _single(root: Path, height: int, width: int) -> dict[str, float]:
    from seatbelt.config.augmentation import NAMED_TRANSFORMS, AugmentationConfig
    from seatbelt.data.augmentation.augmenter import Augmenter
    from seatbelt.data.augmentation.steps import Supplement
    from seatbelt.data.loading.decoded_cache import resize

    samples = _samples(root)
    pairs = [samples.read(position) for position in range(IMAGES)]
    belted, unbelted = (next(p for p in pairs if bool((p[1] == 1).any()) == belt) for belt in (True, False))
    shown, other = (resize(p[0], p[1], height, width) for p in (belted, unbelted))
    # A third of the picture is clothes, more than in most.
    clothes = (shown[1] != 1).astype("uint8")
    clothes[: height // 2], clothes[:, : width // 3] = 0, 0
    supplement = Supplement(clothes=clothes, donor=lambda _: shown)
    seconds = {}
    for name in NAMED_TRANSFORMS:
        augment = Augmenter(AugmentationConfig(transforms=(name,), probability=1.0), height, width)
        image, mask = other if name == "copy_paste" else shown
        augment(image, mask, seed=0, epoch=0, index=0, supplement=supplement)
        started = time.process_time()
        for index in range(20):
            augment(image, mask, seed=0, epoch=1, index=index, supplement=supplement)
        seconds[name] = (time.process_time() - started) / 20
    return seconds
