from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs the command line in a folder of its own."""

    def call(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runners.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=timeout,
            env={
                **os.environ,
                "COLUMNS": "200",
                "TERM": "dumb",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
        )

    return call
