"""The records that `sweep`, `resume` and `confirm` build from their options."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from runners.api import launch
from runners.cli import app
from runners.commands import run
from runners.new_sweep.request import Request
from runners.session.options import LimitOptions, RunOptions
from tests.conftest import MakeData

Call = tuple[tuple[Any, ...], dict[str, Any]]

OPTIONS = ["--engine", "in-process", "--slots", "3", "--gpus-per-trial", "0.5", "--epoch-timeout", "7", "--quiet"]
RUN = RunOptions(engine="in-process", slots=3, gpus_per_trial=0.5, epoch_minutes=7.0, quiet=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    recorded: list[Call] = []

    def record(*arguments: Any, **options: Any) -> None:
        recorded.append((arguments, options))

    for name in ("prepare_launch", "prepare_resume"):
        monkeypatch.setattr(launch, name, record)
    monkeypatch.setattr(run, "run_session", lambda session: 0)
    return recorded


def invoke(*arguments: str) -> None:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output


def test_sweep_builds_a_request_limits_and_run_options(calls: list[Call], make_data: MakeData) -> None:
    space = [
        "--set",
        "encoder=resnet18",
        "--set",
        "decoder=fpn",
        "--size",
        "32x64",
        "--rungs",
        "3,9",
        "--prune",
        "asha",
    ]
    invoke("sweep", "architecture", "--data", str(make_data()), *space, *OPTIONS, "--replicates", "2")
    (((request, limits, options, root), _),) = calls
    assert isinstance(request, Request)
    assert (request.vary, request.fix) == (("encoder=resnet18", "decoder=fpn"), ())
    assert (request.size, request.rungs, request.prune, request.max_epochs) == ((32, 64), (3, 9), "asha", None)
    assert (limits, options, root) == (LimitOptions(replicates=2), RUN, "sweeps/architecture")


def test_resume_builds_limits_and_run_options(calls: list[Call]) -> None:
    invoke("resume", "place", *OPTIONS, "--retry", "out-of-memory", "--retry", "failed", "--hours", "1.5")
    (((root, limits, options), more),) = calls
    assert (root, limits, options) == ("place", LimitOptions(hours=1.5), RUN)
    assert options.named == {"engine", "slots", "gpus_per_trial", "epoch_minutes", "quiet"}
    assert more["retry"] == ("OUT_OF_MEMORY", "FAILED")


def test_without_options_a_session_is_the_default(calls: list[Call]) -> None:
    invoke("resume", "place")
    (((_, limits, options), more),) = calls
    assert (limits, options, options.named) == (LimitOptions(), RunOptions(), frozenset())
    assert more == {
        "max_epochs": None,
        "retry": (),
        "moved_data": (),
        "moved_weights": None,
    }


@pytest.mark.parametrize(("command", "extra"), [("sweep", "seatbelt[lite]"), ("simulate", "seatbelt[peers]")])
def test_help_shows_extras_in_brackets(command: str, extra: str) -> None:
    assert extra in " ".join(CliRunner().invoke(app, [command, "--help"]).output.replace("│", " ").split())
