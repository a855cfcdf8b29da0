"""The command line in this process, for tests."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

from runners.cli import main


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams."""
        return self.out + self.err


def seatbelt(*arguments: str) -> Result:
    """Run a command as from a shell."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["seatbelt", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code
    return Result(int(code) if isinstance(code, int) else int(bool(code)), out.getvalue(), err.getvalue())


def mistake(*arguments: str) -> str:
    """Run a command that must end with code 2 and one printable line on stderr; return that line without `error: `."""
    result = seatbelt(*arguments)
    assert (result.code, result.out) == (2, ""), result.text
    assert result.err.startswith("error: "), result.err
    line = result.err.removeprefix("error: ").rstrip("\n")
    assert line.isprintable(), result.err
    return line


def answer(*arguments: str) -> str:
    """Run a command that must succeed; return what it printed."""
    result = seatbelt(*arguments)
    assert result.code == 0, result.text
    return result.text
