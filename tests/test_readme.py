"""Every command of the README is run, in its order, on a small data set."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, draw_data

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    """Return the commands of the console blocks, in order, less `make`."""
    lines = [line for kind, block in BLOCKS if kind == "console" for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line[2:] for line in lines]


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {line.removeprefix("make ") for line in commands() if line.startswith("make ")}
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


@pytest.mark.slow
def test_every_command_and_snippet_runs(tmp_path: Path) -> None:
    draw_data(
        tmp_path / "my-images",
        "my-images",
        subjects=6,
        images=3,
        test_subjects=2,
        generations={},
        height=64,
        width=96,
    )
    snippets = [block for kind, block in BLOCKS if kind == "python"]
    study = next(block for block in snippets if block.startswith("# mine.py"))
    (tmp_path / "mine.py").write_text(study)
    seatbelt = [line for line in commands() if line.startswith("seatbelt ")]
    assert len(seatbelt) >= 12
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    for line in seatbelt:
        arguments = shlex.split(line)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "runners.cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    for snippet in snippets:
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"
