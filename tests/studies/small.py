"""Every study at a small scale: what is narrowed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from runners.core.events import EpochMeasured
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.conftest import ROOT

GENERATIONS = {**dict.fromkeys(("1", "2", "3", "4", "5", "6", "randomized"), 16), "camera": 55}

LITE = ["--fix", "weights=none"]
ONE = [*LITE, "--fix", "encoder=lite0", "--fix", "decoder=linknet"]
SIX = ["--set", "architecture=linknet/lite0,linknet/resnet18,fpn/lite0,fpn/resnet18,unet/lite0,unet/resnet18"]

STUDIES: dict[str, list[str]] = {
    "architecture": [*LITE, "--set", "encoder=lite0,resnet18"],
    "generations": ONE,
    "mixing": ["--set", "weights=imagenet,none", "--fix", "encoder=lite0", "--fix", "decoder=linknet"],
    "randomization": ONE,
    "pretraining": [*LITE, *SIX],
    "initialization": ["--set", "architecture=linknet/lite0,fpn/lite0,unet/lite0"],
    "labels": ONE,
    "augmentation": [*ONE, "--design", "fractional-32"],
    "composition": ONE,
    "hyperparameters": [*LITE, "--fix", "encoder=resnet18", "--fix", "decoder=unet"],
    "recipe": ONE,
    "joint": [
        *("--set", "encoder=lite0", "--set", "decoder=linknet,fpn", "--set", "weights=none", "--trials", "16"),
        *("--set", "encoder_depth=5"),
    ],
}
"""Study -> what narrows it: small encoders, random weights where the study is not about weights. Mixtures may repeat
images, since few are rendered."""


def arguments(name: str, data: Path, out: Path, *more: str) -> list[str]:
    """Return the command that runs a study, without the program's name."""
    return ["sweep", name, "--data", str(data), "--out", str(out), *STUDIES[name], "--fix", "replacement=true", *more]


@dataclass(frozen=True, kw_only=True)
class Done:
    """One study that ran."""

    name: str
    trials: pd.DataFrame
    errors: str


def run(name: str, data: Path, out: Path, *more: str) -> Done:
    """Run a study through the command line."""
    done = subprocess.run(_command(name, data, out, more), capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"study {name} ended with {done.returncode}:\n{done.stderr}")
    return Done(name=name, trials=pd.read_parquet(out / name / "trials"), errors=done.stderr)


def run_with_a_kill(name: str, data: Path, out: Path, *more: str, after: int = 3) -> Done:
    """Run a study whose driver is killed (SIGKILL) after so many epochs, and go on with the same command."""
    folder = SweepFolder(out / name)
    with subprocess.Popen(
        _command(name, data, out, more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment()
    ) as driver:
        while driver.poll() is None and _epochs(folder) < after:
            time.sleep(0.05)
        driver.kill()
    return run(name, data, out, *more)


def _epochs(folder: SweepFolder) -> int:
    if not folder.journal.exists():
        return 0
    return sum(isinstance(event, EpochMeasured) for event in read_events(folder))


def _command(name: str, data: Path, out: Path, more: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "runners.cli", *arguments(name, data, out, *more)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
