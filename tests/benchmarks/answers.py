"""Questions put to sweeps of 100 to 10,000 trials of 100 epochs: ours, MLflow, pandas over Ray's files, side by side.

Every answer is a process of its own; times are medians of several and include its start, as a person waits for it. All
must give the same answer. Filling is not timed; MLflow takes some 60 s for 1,000 trials and gets no larger sweeps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.answers_peers import FACTOR
from tests.benchmarks.synthetic import write_sweep

EPOCHS = 100
SIZES = (100, 1_000, 10_000)
MLFLOW_SIZES = (100, 1_000)
REPEATS = 5
_SQL_MEAN = f"select cell->>'{FACTOR}' as level, avg(selection_iou) as iou from trials group by 1 order by 1"
_SQL_CURVE = "select epoch, avg(selection_iou) as iou from epochs group by 1 order by 1"


@dataclass(frozen=True)
class Question:
    """A question, and where our command prints the number that answers it."""

    name: str
    arguments: tuple[str, ...]
    """Of our command line; SWEEP stands for the sweep."""
    number: Callable[[Any], float] | None = None
    """Takes the printed JSON; None where the others cannot answer."""


QUESTIONS = (
    Question("best", ("best", "SWEEP", "--json"), lambda output: output["arms"][0]["selection_iou"]),
    # Least squares, as the others have it.
    Question(
        "effects",
        ("effects", "SWEEP", "--factor", FACTOR, "--estimator", "likelihood", "--json"),
        lambda output: output["effects"][0]["effect"],
    ),
    Question("query", ("query", "SWEEP", _SQL_MEAN, "--format", "json"), lambda output: output[1]["iou"]),
    Question("curve", ("query", "SWEEP", _SQL_CURVE, "--format", "json"), lambda output: output[-1]["iou"]),
)


def measure(folder: Path) -> list[str]:
    """Time every question in every size."""
    for size in SIZES:
        write_sweep(folder / f"whole-{size}", size, EPOCHS)
        write_sweep(folder / f"pruned-{size}", size, EPOCHS, pruned=True)
        _peer("fill_ray", folder / f"whole-{size}", folder / f"ray-{size}")
    for size in MLFLOW_SIZES:
        _peer("fill_mlflow", folder / f"whole-{size}", folder / f"mlflow-{size}.db")
    lines = [f"trials x {EPOCHS} epochs: {', '.join(f'{size:,}' for size in SIZES)}; seconds, median, start included"]
    for question in QUESTIONS:
        lines += _question_lines(question, folder)
    for kind in ("whole", "pruned"):
        usual = Question("effects", ("effects", "SWEEP"))
        seconds = [_timed([_command(usual, folder / f"{kind}-{size}")], size)[0][0] for size in SIZES]
        lines.append(_line("effects", f"seatbelt, {kind}, default", seconds))
    return lines


def _question_lines(question: Question, folder: Path) -> list[str]:
    """Put a question to all, in turns, at every size; return a line for each of them."""
    seconds: dict[str, list[float]] = {"seatbelt": []}
    for size in SIZES:
        commands = {"seatbelt": _command(question, folder / f"whole-{size}")}
        if question.number is not None:
            commands["pandas"] = _python(f"pandas_{question.name}", folder / f"ray-{size}")
        if question.number is not None and size in MLFLOW_SIZES:
            commands["mlflow"] = _python(f"mlflow_{question.name}", folder / f"mlflow-{size}.db")
        answers = dict(zip(commands, _timed(list(commands.values()), size), strict=True))
        for who, (taken, output) in answers.items():
            seconds.setdefault(who, []).append(taken)
            if question.number is not None and who != "seatbelt":
                ours = question.number(json.loads(answers["seatbelt"][1]))
                assert abs(float(output) - ours) < 1e-9, f"{who} answers {question.name} by {output}, we by {ours}"
    lines = []
    for who, taken in seconds.items():  # type: ignore[assignment]
        ratios = [f"{theirs / ours:.1f}" for theirs, ours in zip(taken, seconds["seatbelt"], strict=False)]
        lines.append(
            _line(question.name, who, taken) + ("" if who == "seatbelt" else f"; {', '.join(ratios)} x seatbelt")
        )
    return lines


def _line(question: str, who: str, seconds: Sequence[float]) -> str:
    growth = f"; {seconds[-1] / seconds[0]:.1f} x from {SIZES[0]:,} to {SIZES[len(seconds) - 1]:,} trials"
    return f"{question:<8} {who:<26} {' '.join(f'{value:7.2f}' for value in seconds)}{growth}"


def _command(question: Question, sweep: Path) -> list[str]:
    arguments = [str(sweep) if argument == "SWEEP" else argument for argument in question.arguments]
    return [sys.executable, "-m", "runners.cli", *arguments]


def _python(function: str, *places: Path) -> list[str]:
    values = ", ".join(repr(str(place)) for place in places)
    code = f"from tests.benchmarks.answers_peers import {function}; {function}({values})"
    return [sys.executable, "-W", "ignore", "-c", code]


def _peer(function: str, *places: Path) -> None:
    subprocess.run(_python(function, *places), check=True)


def _timed(commands: list[list[str]], size: int) -> list[tuple[float, str]]:
    """Return the median seconds of each command, run in turns, and what it printed last."""
    repeats = REPEATS if size < SIZES[-1] else 3
    seconds: list[list[float]] = [[] for _ in commands]
    outputs = [""] * len(commands)
    for _ in range(repeats):
        for i, command in enumerate(commands):
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds[i].append(time.perf_counter() - started)
            outputs[i] = done.stdout
    return [(sorted(taken)[repeats // 2], text) for taken, text in zip(seconds, outputs, strict=True)]
