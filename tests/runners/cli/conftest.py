from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runners.cli import main
from tests.conftest import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Answer = Callable[..., str]


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
                "PYTHONPATH": str(ROOT),
            },
        )

    return call


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Return a function that runs a command and returns what it prints; a mistake is one line."""

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["seatbelt", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        shown = capsys.readouterr()
        assert stopped.value.code == code, shown.err
        if code:
            assert len(shown.err.splitlines()) == 1
            assert shown.err.startswith("error: ")
        return shown.err if code else shown.out

    return run
