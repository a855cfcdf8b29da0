"""A session of a sweep in a process of its own, which survives the program that started it.

The program checks everything first and hands the prepared session over. It continues once the process is the writer of
the sweep; what goes wrong before is an error where the session was started.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pydantic import TypeAdapter

from runners.commands.prepare import PreparedSession
from runners.core.plan import Limits
from runners.engines.isolation import search_path
from runners.session.options import RunOptions
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.terminal import end_process, exit_code_of, say
from seatbelt.errors import SweepFailedError, UserError
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.machine.home import provide_user
from seatbelt.records.identity import content_hash

_OPEN = b"open\n"
_FORCED_TERMINAL = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables, which notebooks set, that let a program take a file for a terminal."""
_STOPPED = 130
"""Exit code of a session that was stopped before its first trial, or at once."""


@dataclass(frozen=True, kw_only=True)
class _Message:
    """A prepared session, as it travels to its process."""

    place: str
    description: SweepDescription
    limits: Limits
    run: dict[str, Any]
    adopt_from: str | None
    retry: tuple[str, ...]


_MESSAGE = TypeAdapter(_Message)


class SessionProcess:
    """The process of a session, in a process group of its own: signals of a terminal do not reach it.

    Attributes:
        log: What it prints, until the next session of the sweep on this machine.
    """

    def __init__(self, session: PreparedSession) -> None:
        """Start a session, and return once it is the writer of its sweep.

        Raises:
            UserError: It cannot become that, such as where another driver writes to the sweep.
            SweepFailedError: It ended for another reason.
        """
        folder, name = cache_folder() / "sessions", content_hash(session.folder.location)[:16]
        folder.mkdir(parents=True, exist_ok=True)
        # Another session may write to the sweep, and so to its log.
        self.log = folder / f"{name}-{secrets.token_hex(4)}.log"
        with self.log.open("xb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        try:
            is_open = self._hand_over(session)
        except BaseException:
            self._process.kill()
            raise
        finally:
            # Whoever waits for no session leaves no zombie behind.
            threading.Thread(target=self._process.wait, daemon=True).start()
        if is_open:
            self.log = self.log.replace(folder / f"{name}.log")
            return
        code, reason = self._process.wait(), self._reason()
        if code == 2:
            self.log.unlink()
            raise UserError(reason)
        raise SweepFailedError(reason)

    def _hand_over(self, session: PreparedSession) -> bool:
        """Send a session to the process; return whether it became the writer of the sweep."""
        message = _Message(
            place=session.folder.name,
            description=session.description,
            limits=session.limits,
            # Its log has the reason of a failure in any case.
            run=vars(replace(session.run, quiet=False, named=frozenset())),
            adopt_from=session.adopt_from.name if session.adopt_from else None,
            retry=session.retry,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as channel:
            channel.write(_MESSAGE.dump_json(message))
        with self._process.stdout as channel:
            return channel.readline() == _OPEN

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Ask the session to stop: after the running epochs, and the second time at once."""
        self._process.send_signal(signal.SIGINT)

    def wait(self, seconds: float) -> None:
        """Wait for the process to end, some seconds at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def raise_failure(self) -> None:
        """Raise why the session failed, if it has ended and did.

        Raises:
            UserError: A mistake that the user can mend.
            SweepFailedError: Another reason.
        """
        code = self._process.poll()
        if code not in (None, 0, _STOPPED):
            raise UserError(self._reason()) if code == 2 else SweepFailedError(self._reason())

    def _reason(self) -> str:
        """Return why the process ended."""
        code = self._process.returncode
        if code < 0:
            return f"its process was ended by signal {-code}; its output is in {self.log}"
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        for line in reversed(lines):
            prefix, colon, reason = line.partition(": ")
            if colon and prefix in ("error", "failed"):
                return reason
        return f"{lines[-1] if lines else 'it printed nothing'}; its output is in {self.log}"


def _environment() -> dict[str, str]:
    """Return an environment whose processes import this package, but nothing from the working folder."""
    python_path = search_path(os.environ.get("PYTHONPATH", ""), Path.cwd())
    inherited = {name: value for name, value in os.environ.items() if name not in _FORCED_TERMINAL}
    return {**inherited, "PYTHONPATH": os.pathsep.join(python_path), "PYTHONSAFEPATH": "1"}


def _main() -> NoReturn:
    """Run the session that standard input describes."""
    channel = os.dup(1)
    # Whatever the session prints belongs into the log.
    os.dup2(2, 1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        code = exit_code_of(lambda: _run(sys.stdin.buffer.read(), channel))
    except KeyboardInterrupt:
        say("stopped", err=True)
        code = _STOPPED
    end_process(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(message: bytes, channel: int) -> int:
    from runners.commands.run import run_session

    def when_open() -> None:
        # The program may be gone.
        with contextlib.suppress(BrokenPipeError):
            os.write(channel, _OPEN)
        os.close(channel)

    provide_user()
    received = _MESSAGE.validate_json(message)
    folder = SweepFolder(received.place)
    session = PreparedSession(
        folder=folder,
        description=received.description,
        limits=received.limits,
        run=RunOptions(**received.run),
        existing=folder.describe() if folder.exists() else None,
        adopt_from=SweepFolder(received.adopt_from) if received.adopt_from else None,
        retry=received.retry,
    )
    return run_session(session, when_open)


if __name__ == "__main__":
    _main()
