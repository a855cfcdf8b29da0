"""Running commands on things of others, and a sweep that is finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runners.cli import main
from runners.sweep.folder import SweepFolder
from tests.runners.conftest import describe
from tests.runners.session.test_driver import run_to_the_end

Command = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command, which must end with one clear line."""

    def call(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["seatbelt", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        output = capsys.readouterr()
        assert stopped.value.code == 2, output.err
        assert output.err.startswith("error: ")
        assert len(output.err.splitlines()) == 1
        assert output.err.strip("\n").isprintable()
        return output.err

    return call


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["seatbelt", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        output = capsys.readouterr()
        assert stopped.value.code == 0, output.err
        return output.out + output.err

    return call


@pytest.fixture
def finished(tmp_path: Path) -> SweepFolder:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe())
    run_to_the_end(folder)
    return folder
