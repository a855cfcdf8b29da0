"""Five hundred damaged data sets: each is named, or harmless; none ends in a traceback."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import IGNORE, check, decode, read
from seatbelt.errors import UserError
from tests.conftest import draw_data

SEEDS = 500


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound") / "stripes"
    draw_data(root, "stripes", subjects=3, images=1, test_subjects=1, generations={"3": 1}, height=8, width=16)
    # Two of the images as people have them: JPEG.
    for stem in ("p1-0", "p2-0"):
        with Image.open(root / "images" / f"{stem}.png") as file:
            file.save(root / "images" / f"{stem}.jpg")
        (root / "images" / f"{stem}.png").unlink()
    text = (root / "manifest.csv").read_text()
    for stem in ("p1-0", "p2-0"):
        text = text.replace(f"images/{stem}.png", f"images/{stem}.jpg")
    (root / "manifest.csv").write_text(text)
    assert check(root) == []
    return root


def damage(root: Path, draw: random.Random) -> str:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    path, other = draw.sample(files, 2)
    content = bytearray(path.read_bytes())
    kind = draw.choice(["truncate", "flip", "flip", "swap", "rename", "overwrite"])
    if kind == "truncate":
        path.write_bytes(content[: draw.randrange(len(content))])
    elif kind == "flip":
        for _ in range(draw.choice([1, 1, 4])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    elif kind == "swap":
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif kind == "rename":
        path.rename(path.with_name(f"{path.name}.bak"))
    else:
        start = draw.randrange(len(content))
        content[start : start + 20] = draw.randbytes(20)
        path.write_bytes(content)
    return f"{kind} {path.name} {other.name}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_damage_is_named_or_harmless(sound: Path, tmp_path: Path, seed: int) -> None:
    root = tmp_path / "set"
    shutil.copytree(sound, root)
    done = damage(root, random.Random(seed))
    try:
        faults = check(root)
    except UserError as error:
        assert "\n" not in str(error), done
        with pytest.raises(UserError):
            read(root)
        return
    assert all("\n" not in str(fault) for fault in faults), done
    if faults:
        return
    dataset = read(root)
    for row in dataset.rows:
        image, mask = decode(dataset, row)
        assert image.shape == (*mask.shape, 3), done
        assert set(np.unique(mask).tolist()) <= {*dataset.classes.values(), IGNORE}, done
