"""Fixtures of every test: small drawn data sets, a private cache and a private token."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# A busy machine is slow, so that no example has a deadline; benchmarks measure speed. Developers' runs draw new
# examples each time. CI draws the same ones, so that its verdict is on the change alone.
settings.register_profile("seatbelt", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("seatbelt")

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["SEATBELT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("SEATBELT_WEIGHTS", None)


@pytest.fixture(autouse=True, scope="session")
def _private_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep Ray's token in a temporary folder: tests leave that of the home folder alone."""
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(tmp_path_factory.mktemp("token") / "auth_token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def _restored_arithmetic() -> None:
    """Reset what an earlier training in this process may have set: threads and the flushing of denormal numbers."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(False)


MakeData = Callable[..., Path]


@pytest.fixture
def make_data(tmp_path: Path) -> MakeData:
    """Return a function that draws a native data set: a bright diagonal stripe is the belt."""

    def make(
        name: str = "stripes",
        *,
        subjects: int = 6,
        images: int = 2,
        test_subjects: int = 2,
        generations: dict[str, int] | None = None,
        height: int = 32,
        width: int = 64,
        first: int = 0,
    ) -> Path:
        return draw_data(
            tmp_path / name,
            name,
            subjects=subjects,
            images=images,
            test_subjects=test_subjects,
            generations=generations or {},
            height=height,
            width=width,
            first=first,
        )

    return make


def draw_data(
    root: Path,
    name: str,
    *,
    subjects: int,
    images: int,
    test_subjects: int,
    generations: dict[str, int],
    height: int,
    width: int,
    first: int = 0,
) -> Path:
    """Draw a data set whose pictures are numbered from `first` on; a number has the same picture in every data set."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows = []
    for subject in range(subjects):
        split = "test" if subject < test_subjects else "train"
        rows += [(f"p{subject}-{i}", "real", "", f"p{subject}", split) for i in range(images)]
    for generation, count in generations.items():
        rows += [(f"g{generation}-{i}", "synthetic", generation, f"s{generation}-{i}", "train") for i in range(count)]
    for number, (stem, *_) in enumerate(rows, start=first):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 120, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        if number % 4 != 3:
            x, y = np.meshgrid(np.arange(width), np.arange(height))
            mask[abs(x - 2 * y + int(rng.integers(-6, 7))) < 6] = 1
            mask[:4] = 2
        image[mask == 1] = 230
        Image.fromarray(image).save(root / "images" / f"{stem}.png")
        Image.fromarray(mask).save(root / "masks" / f"{stem}.png")
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "domain", "generation", "subject", "split"])
        writer.writerows([(f"images/{stem}.png", f"masks/{stem}.png", *rest) for stem, *rest in rows])
    description = {
        "format": 1,
        "name": name,
        "classes": {"background": 0, "seat_belt": 1, "hair": 2},
        "target": "seat_belt",
    }
    (root / "dataset.json").write_text(json.dumps(description))
    return root
