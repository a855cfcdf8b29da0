"""The decoded cache: built once per node, whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import seatbelt.data.loading.decoded_cache
from seatbelt.data.datasets.dataset import DataSet, decode, fingerprint, read
from seatbelt.data.loading.decoded_cache import Decoded, open_decoded, resize
from seatbelt.errors import UserError
from seatbelt.machine.cache_folder import cache_folder
from tests.conftest import MakeData


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def root(make_data: MakeData) -> Path:
    return make_data(subjects=3, images=2, test_subjects=1)


def opened(root: Path, height: int = 16, width: int = 32) -> tuple[Decoded, int]:
    """Return the cache and the number of images that were decoded for it."""
    dataset = read(root)
    seen: list[int] = []
    decoded = open_decoded(
        dataset, fingerprint(dataset), height=height, width=width, progress=lambda done, _: seen.append(done)
    )
    return decoded, len(seen)


def test_the_second_opening_decodes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, count = opened(root)
    assert count == 6
    monkeypatch.setattr(seatbelt.data.loading.decoded_cache, "decode", lambda *_: pytest.fail("it decodes again"))
    second, count = opened(root)
    assert count == 0
    assert np.array_equal(first.images, second.images)


def test_it_holds_what_is_in_the_files(root: Path) -> None:
    dataset = read(root)
    decoded, _ = opened(root, 32, 64)
    assert (decoded.images.shape, decoded.masks.shape) == ((6, 32, 64, 3), (6, 32, 64))
    for index, row in enumerate(dataset.rows):
        image, mask = decode(dataset, row)
        assert np.array_equal(decoded.images[index], image)
        assert np.array_equal(decoded.masks[index], mask)


def test_it_is_shared_memory_that_nobody_can_write(root: Path) -> None:
    decoded, _ = opened(root)
    assert isinstance(decoded.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        decoded.images[0] = 0


def test_each_resolution_and_content_has_a_separate_cache(root: Path) -> None:
    first, _ = opened(root)
    assert opened(root, 8, 16)[1] == 6
    Image.new("L", (64, 32), 2).save(root / "masks" / "p1-0.png")
    changed, count = opened(root)
    assert count == 6
    assert (changed.masks[2] == 2).all()
    assert not (first.masks[2] == 2).all()


def test_changed_data_never_pass_for_what_the_sweep_began_with(root: Path, place: Path) -> None:
    dataset = read(root)
    before = fingerprint(dataset)
    Image.new("L", (64, 32), 2).save(root / "masks" / "p1-0.png")
    with pytest.raises(UserError, match=f"it changed since the sweep began .* not {before[:12]}"):
        open_decoded(dataset, before, height=16, width=32)
    assert not list(place.glob("*-16x32-1"))


def test_an_image_that_cannot_be_decoded_leaves_nothing(root: Path, place: Path) -> None:
    (root / "images" / "p2-1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"images/p2-1\.png: the image cannot be decoded .* see `seatbelt data"):
        opened(root)
    assert [path.suffix for path in place.iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", ["truncated", "removed"])
def test_a_damaged_cache_is_built_again(root: Path, place: Path, damage: str) -> None:
    images = opened(root)[0].images.copy()
    (file,) = place.glob("*/images.npy")
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        file.unlink()
    again, count = opened(root)
    assert count == 6
    assert np.array_equal(again.images, images)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_an_error_and_not_a_killed_process(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
    what = "the decoded cache needs 0.0 GB, but .* has 0.0 GB left; set the variable SEATBELT_CACHE to another"
    with pytest.raises(UserError, match=what):
        opened(root)


def test_a_place_that_cannot_be_written(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"decoded cannot be written \(.*\); set the variable SEATBELT_CACHE"):
        opened(root)


def test_the_cache_lies_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder().name == "cache"
    monkeypatch.delenv("SEATBELT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/seatbelt")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "seatbelt"


BUILDER = """
import sys, time
from pathlib import Path
from seatbelt.data.loading.decoded_cache import open_decoded
from seatbelt.data.datasets.dataset import fingerprint, read

root, pause = Path(sys.argv[1]), float(sys.argv[2])

def progress(done, total):
    print(done, flush=True)
    time.sleep(pause)

dataset = read(root)
print("ready", flush=True)
sys.stdin.readline()
decoded = open_decoded(dataset, fingerprint(dataset), height=16, width=32, threads=1, progress=progress)
print("sum", int(decoded.images.sum()), flush=True)
"""


def builder(root: Path, pause: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(root), str(pause)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_two_processes_at_once_build_once(root: Path) -> None:
    processes = [builder(root, 0.02), builder(root, 0.02)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    texts = [process.communicate(timeout=60)[0].split("\n") for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(sum(line.isdecimal() for line in lines) for lines in texts) == [0, 6]
    (total,) = {line for lines in texts for line in lines if line.startswith("sum")}
    assert total == f"sum {int(opened(root)[0].images.sum())}"


def test_a_killed_builder_leaves_no_cache_that_counts_as_complete(root: Path, place: Path) -> None:
    process = builder(root, 30)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "1\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = place.glob("*.part-*")
    assert (left / "images.npy").exists()
    began = time.monotonic()
    decoded, count = opened(root)
    assert count == 6
    assert time.monotonic() - began < 20
    assert len({image.tobytes() for image in decoded.images}) == 6
    assert not list(place.glob("*.part-*"))


def test_masks_are_resized_without_new_classes() -> None:
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 1, 7, 255], np.uint8), (30, 50))
    image = rng.integers(0, 256, (30, 50, 3), np.uint8)
    for height, width in ((15, 25), (31, 53), (60, 20), (7, 100)):
        resized, labels = resize(image, mask, height, width)
        assert (resized.shape, labels.shape) == ((height, width, 3), (height, width))
        assert set(np.unique(labels)) <= {0, 1, 7, 255}


def test_shrinking_averages_images_and_takes_the_middle_of_masks() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, 0] = 100
    image[:, 3] = 40
    resized, _ = resize(image, np.zeros((2, 4), np.uint8), 1, 2)
    assert resized.tolist() == [[[50, 50, 50], [20, 20, 20]]]
    mask = np.arange(9, dtype=np.uint8).reshape(3, 3)
    assert resize(np.zeros((3, 3, 3), np.uint8), mask, 1, 1)[1].tolist() == [[4]]


def test_enlarging_a_mask_repeats_its_pixels() -> None:
    mask = np.array([[1, 2]], np.uint8)
    _, labels = resize(np.zeros((1, 2, 3), np.uint8), mask, 2, 4)
    assert labels.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_nothing_changes_at_the_native_size(root: Path) -> None:
    dataset: DataSet = read(root)
    image, mask = decode(dataset, dataset.rows[0])
    assert resize(image, mask, 32, 64) == (image, mask)
