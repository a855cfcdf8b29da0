from __future__ import annotations

from collections.abc import Callable

import pytest

from runners.cli import main

Answer = Callable[..., str]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Return a function that runs a command and returns its output; that of a mistake must be one line."""

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["seatbelt", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        assert stopped.value.code == code, captured.err
        if code:
            assert len(captured.err.splitlines()) == 1
            assert captured.err.startswith("error: ")
        return captured.err if code else captured.out

    return run
