"""What the options of `sweep`, `resume` and `confirm` come to."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from runners.cli import app
from runners.commands import run
from runners.session.options import Session
from tests.conftest import MakeData


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    found: list[Session] = []

    def keep(*given: Any, **options: Any) -> int:
        found.extend(value for value in given if isinstance(value, Session))
        return 0

    for name in ("launch", "resume", "confirm"):
        monkeypatch.setattr(run, name, keep)
    return found


def test_options_of_sweep_and_resume(sessions: list[Session], make_data: MakeData) -> None:
    where = ["--engine", "in-process", "--slots", "3", "--gpus-per-trial", "0.5", "--epoch-timeout", "7", "--quiet"]
    data = str(make_data())
    sweep = CliRunner().invoke(app, ["sweep", "architecture", "--data", data, *where, "--replicates", "2"])
    resume = CliRunner().invoke(app, ["resume", "place", *where, "--retry", "out-of-memory", "--hours", "1.5"])
    assert (sweep.exit_code, resume.exit_code) == (0, 0), sweep.output + resume.output
    shared = {"engine": "in-process", "slots": 3, "gpus_per_trial": 0.5, "epoch_minutes": 7.0, "quiet": True}
    assert sessions == [
        Session(**shared, replicates=2),
        Session(**shared, retry=("OUT_OF_MEMORY",), hours=1.5),
    ]


def test_without_options_a_session_is_the_default(sessions: list[Session]) -> None:
    assert CliRunner().invoke(app, ["resume", "place"]).exit_code == 0
    assert sessions == [Session()]
