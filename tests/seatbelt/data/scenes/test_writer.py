import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from seatbelt.data.scenes import GENERATIONS, LABELS, render, write_dataset
from seatbelt.errors import UserError


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_folder_is_the_same_whatever_the_number_of_processes(tmp_path: Path) -> None:
    counts = {"3": 5, "camera": 11}
    seen: list[tuple[int, int]] = []
    one = write_dataset(tmp_path / "one", generations=counts, size=(64, 36), seed=5, processes=1)
    two = write_dataset(
        tmp_path / "two",
        generations=counts,
        size=(64, 36),
        seed=5,
        processes=2,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(i, 16) for i in range(1, 17)]
    files = sorted(p.relative_to(one).as_posix() for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(two).as_posix() for p in two.rglob("*") if p.is_file())
    assert len(files) == 2 * 16 + 2
    for name in set(files) - {"dataset.json"}:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


@pytest.mark.slow
def test_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "set", generations={"1": 2, "camera": 13}, size=(64, 36), processes=1)
    about = json.loads((folder / "dataset.json").read_text())
    assert about["format"] == 1
    assert about["name"] == "set"
    assert about["classes"] == LABELS
    assert about["target"] == "seat_belt"
    assert "stand-in for real images" in about["description"]
    table = rows(folder)
    assert list(table[0]) == [
        *("image", "mask", "domain", "generation", "subject", "split"),
        *("seat", "belt_colour", "interior", "light"),
    ]
    assert [r["subject"] for r in table[:2]] == ["g1-p000", "g1-p001"]
    assert {(r["domain"], r["generation"], r["split"]) for r in table[:2]} == {("synthetic", "1", "train")}
    real = table[2:]
    assert {(r["domain"], r["generation"]) for r in real} == {("real", "")}
    train = {r["subject"] for r in real if r["split"] == "train"}
    test = {r["subject"] for r in real if r["split"] == "test"}
    assert (len(train), len(test)) == (7, 4)
    assert not train & test
    assert len({r["image"] for r in table}) == len(table)


def test_files_hold_the_rendered_pixels(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "set", generations={"6": 2}, size=(64, 36), seed=2, processes=1)
    for index, row in enumerate(rows(folder)):
        scene = render(GENERATIONS["6"], index=index, seed=2, width=64, height=36)
        mask = cv2.imread(str(folder / row["mask"]), cv2.IMREAD_UNCHANGED)
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_COLOR)
        assert mask is not None
        assert image is not None
        assert np.array_equal(mask, scene.mask)
        assert np.array_equal(image[..., ::-1], scene.image)


def test_an_empty_folder_is_taken_and_a_full_one_is_not(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    write_dataset(empty, generations={"1": 1}, size=(32, 18), processes=1)
    with pytest.raises(UserError, match="exists and is not empty: name a new folder"):
        write_dataset(empty, generations={"1": 1}, size=(32, 18), processes=1)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UserError, match="exists and is not empty"):
        write_dataset(file, generations={"1": 1}, processes=1)
    assert file.read_text() == "mine"


def test_an_interrupted_folder_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "set", generations={"1": 2}, size=(32, 18), processes=1, progress=stop)
    assert not (tmp_path / "set" / "dataset.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generations": {}}, "no generation was asked for: name at least one of 1, 2"),
        ({"generations": {"7": 3}}, "unknown generation '7': choose from 1, 2"),
        ({"generations": {"1": 0}}, "generation '1' needs at least 1 images, but 0"),
        (
            {"generations": {"camera": 10}},
            r"generation 'camera' needs at least 11 images \(one of each person\)",
        ),
        ({"generations": {"1": 1}, "size": (4, 4)}, "at least 16 pixels, but got 4 x 4"),
        ({"generations": {"1": 1}, "seed": -1}, "seed must not be negative"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write_dataset(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()


def test_a_script_whose_processes_cannot_start_ends_with_one_error(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from seatbelt.data.scenes import write_dataset\n"
        f"write_dataset(Path({str(tmp_path / 'out')!r}), generations={{'1': 4}}, size=(32, 16), processes=2)\n"
    )
    # A script on standard input has no file that a new process could read.
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "UserError: the processes that render scenes cannot start" in done.stderr
    assert not (tmp_path / "out" / "dataset.json").exists()
