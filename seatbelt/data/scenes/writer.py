"""Rendered scenes as a data-set folder."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from seatbelt.data.datasets.manifest import COLUMNS
from seatbelt.data.scenes.generations import GENERATIONS
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.rendering import render
from seatbelt.data.scenes.tags import TAGS, tags_of
from seatbelt.errors import UserError

_COLUMNS = (*COLUMNS, *TAGS)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One image to write; small enough to be sent to a worker."""

    parameters: SceneParameters
    index: int
    seed: int
    size: tuple[int, int]
    out: Path


def write_dataset(
    out: Path,
    *,
    generations: Mapping[str, int],
    size: tuple[int, int] = (212, 120),
    seed: int = 0,
    processes: int = 2,
    progress: Callable[[int, int], None] | None = None,
    parameters: Mapping[str, SceneParameters] = GENERATIONS,
) -> Path:
    """Render scenes into a new data-set folder and return its path.

    The same arguments write the same pixels for any number of processes. `dataset.json` is written last: a folder
    without it is incomplete.

    Args:
        out: The folder, which must be missing or empty.
        generations: Name of a generation -> number of images.
        size: Width and height in pixels.
        seed: Not negative; each seed gives other persons and other images.
        processes: Worker processes; 1 renders in this process.
        progress: Called after each image with the number of finished images and of all images.
        parameters: Name of a generation -> its parameters.

    Raises:
        UserError: `out` is not empty, or the generations, the size or the seed are invalid.
    """
    _check(out, generations, size, seed, processes, parameters)
    jobs = [
        _Job(parameters=parameters[name], index=index, seed=seed, size=size, out=out)
        for name, count in generations.items()
        for index in range(count)
    ]
    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for row in _written(jobs, processes):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(jobs))
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = json.dumps(_description(out, generations, seed, parameters), indent=2, ensure_ascii=False)
    (out / "dataset.json.part").write_text(text + "\n", encoding="utf-8")
    (out / "dataset.json.part").replace(out / "dataset.json")
    return out


def _check(
    out: Path,
    generations: Mapping[str, int],
    size: tuple[int, int],
    seed: int,
    processes: int,
    parameters: Mapping[str, SceneParameters],
) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty: name a new folder, or delete this one first")
    if not generations:
        raise UserError(f"no generation was asked for: name at least one of {', '.join(parameters)}")
    for name, count in generations.items():
        if name not in parameters:
            raise UserError(f"unknown generation {name!r}: choose from {', '.join(parameters)}")
        tested = parameters[name].test_persons
        least = parameters[name].persons + tested if tested else 1
        if count < least:
            why = " (one of each person)" if tested else ""
            raise UserError(f"generation {name!r} needs at least {least} images{why}, but {count} were asked for")
    if len({parameters[name].prefix for name in generations}) < len(generations):
        raise UserError(f"two of the generations {', '.join(generations)} have the same name in their parameters")
    if min(size) < 16:
        raise UserError(f"width and height must be at least 16 pixels, but got {size[0]} x {size[1]}")
    if seed < 0 or processes < 1:
        raise UserError(f"seed must not be negative and processes at least 1, but got {seed=}, {processes=}")


def _written(jobs: Sequence[_Job], processes: int) -> Iterator[dict[str, str]]:
    """The manifest rows in the order of the jobs."""
    if processes == 1:
        yield from map(_write, jobs)
        return
    # Spawned, not forked, because a fork copies threads of the caller (torch, ray) in any state.
    spawn = multiprocessing.get_context("spawn")
    try:
        with _one_thread_each(), ProcessPoolExecutor(processes, mp_context=spawn, initializer=_start_worker) as pool:
            yield from pool.map(_write, jobs, chunksize=4)
    except BrokenProcessPool:
        raise UserError(
            "the processes that render scenes cannot start: a script that calls this needs `if __name__ == "
            '"__main__":` and a file of its own; or use one process'
        ) from None


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let child processes use one thread for linear algebra, because the processes already share the cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    cv2.setNumThreads(0)


def _write(job: _Job) -> dict[str, str]:
    """Render one image, store it and its mask, and describe them."""
    width, height = job.size
    scene = render(job.parameters, index=job.index, seed=job.seed, width=width, height=height)
    name = f"{job.parameters.prefix}-{job.index:05d}.png"
    for path, picture in (("images", scene.image[..., ::-1]), ("masks", scene.mask)):
        # Written by Python, because OpenCV cannot open every path on every system and fails silently.
        done, data = cv2.imencode(".png", picture)
        assert done
        (job.out / path / name).write_bytes(data.tobytes())
    real = job.parameters.domain == "real"
    return {
        "image": f"images/{name}",
        "mask": f"masks/{name}",
        "domain": job.parameters.domain,
        "generation": "" if real else job.parameters.name,
        "subject": scene.subject,
        "split": "test" if scene.test else "train",
        **tags_of(scene.facts),
    }


def _description(
    out: Path, generations: Mapping[str, int], seed: int, parameters: Mapping[str, SceneParameters]
) -> dict[str, Any]:
    parts = ", ".join(f"{name}: {count}" for name, count in generations.items())
    text = f"Rendered car occupants (images per generation: {parts}; seed {seed})."
    if any(parameters[name].domain == "real" for name in generations):
        text += (
            " The images of domain `real` are rendered as well: they are a stand-in for real images where"
            " there are none, and results on them say nothing about photographs."
        )
    return {
        "format": 1,
        "name": out.name,
        "description": text,
        "licence": "CC0-1.0 (rendered by seatbelt.data.scenes; no photographs)",
        "classes": LABELS,
        "target": "seat_belt",
    }
