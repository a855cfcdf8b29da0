"""Sweeps from Python: `sweep` launches one, `Sweep` watches, stops, continues and asks it."""

from __future__ import annotations

import contextlib
import html
import os
import time
from typing import TYPE_CHECKING, Any

import analysis
from analysis.answers.ranking import By, Ranking, best
from runners.api.option_table import with_options
from runners.api.plain_values import record_of
from runners.api.request import LaunchRequest, ResumeRequest
from runners.api.status import SweepStatus, sweep_status
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.ledger import holder
from runners.sweep_files.trial_lookup import read_history
from runners.terminal import say
from search_spaces.space import Study
from seatbelt.errors import SweepFailedError, UserError
from seatbelt.text.redaction import printable

if TYPE_CHECKING:
    from runners.api.session_process import SessionProcess
    from seatbelt.inference.model import Model

_POLL_SECONDS, _REMOTE_POLL_SECONDS = 0.2, 5.0
"""Seconds between two looks at a session: on this machine, and in a bucket, where each look costs money."""
_SECONDS_TO_END = 30.0
"""Time that a session has to end once it was told to end at once."""


class Sweep(analysis.Sweep):
    """A sweep that exists: its results (`trials`, `epochs`, `images`, `decisions`), and the session that trains it."""

    def __init__(self, location: str | os.PathLike[str]) -> None:
        """Attach to a sweep, whoever started it.

        Args:
            location: Its folder, or a URL such as `s3://bucket/sweeps/architecture`.

        Raises:
            UserError: There is no sweep.
        """
        # The program may go to another folder later.
        super().__init__(SweepFolder(location).location)
        self._folder = SweepFolder(self.root)
        self._process: SessionProcess | None = None
        self._quiet = False
        self._printed = 0

    def wait(self, timeout: float | None = None) -> Sweep:
        """Wait until the session has ended, and show its progress if this process started it.

        The first Ctrl-C lets the running epochs finish, the second ends the session at once; both raise
        KeyboardInterrupt once it has ended.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            This sweep.

        Raises:
            TimeoutError: The session still runs.
            SweepFailedError: It failed, or no trial of the sweep has a result.
            UserError: It ended by a mistake that the user can mend.
        """
        try:
            self._follow(None if timeout is None else time.monotonic() + timeout)
        except KeyboardInterrupt:
            self._interrupt()
            say("ending after the running epochs; once more ends at once", err=True)
            try:
                self._follow(None)
            except KeyboardInterrupt:
                self._interrupt()
                if self._process is not None:
                    self._process.wait(_SECONDS_TO_END)
            raise
        if self._process is not None:
            self._process.raise_failure()
        status = self.status()
        if status.state == "failed":
            raise SweepFailedError(status.reason)
        return self

    def stop(self, *, wait: float | None = 0.0) -> bool:
        """Ask the session to stop after the running epochs.

        Args:
            wait: Seconds to wait for its end; None waits as long as it takes.

        Returns:
            Whether no session runs any more.
        """
        if self._runs():
            self._folder.request_stop()
        until = None if wait is None else time.monotonic() + wait
        while self._runs():
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(self._poll_seconds)
        return True

    def status(self) -> SweepStatus:
        """Return how far the sweep is."""
        return sweep_status(self._folder)

    def best(self, top: int = 5, by: By = "selection") -> Ranking:
        """Return the leading arms; `frame` of the answer is a data frame.

        Args:
            top: Number of arms.
            by: `selection`, or `test`, which makes test scores optimistic.

        Raises:
            UserError: There are no scores yet.
        """
        return best(self, top=top, by=by)

    def model(self, name: str = "best", device: str = "cpu") -> Model:
        """Return a trained model: `model.predict(image)` takes an array or an image file.

        Args:
            name: `best`; a trial's number or the first digits of its key; an arm, as its levels or its key.
            device: A torch device, such as `cpu` or `cuda`, or `auto`.

        Raises:
            UserError: No complete trial fits, or its weights were not kept.
        """
        # These load torch, which watching a sweep does not need.
        from runners.models.trained_model import choose_trial, trained_model
        from seatbelt.training.device import choose_device

        view = choose_trial(read_history(self._folder), name, self.root)
        return trained_model(self._folder, [view], choose_device(device), note=lambda text: say(text, err=True))

    @with_options(ResumeRequest)
    def resume(self, **options: Any) -> Sweep:  # noqa: ANN401  (checked against the record)
        """Start another session of this sweep.

        Args:
            options: Those of `seatbelt resume`: larger limits, `retry="failed"`, `slots=2`. What is left out is as in
                the session before.

        Returns:
            This sweep, once the session runs.

        Raises:
            UserError: An option is wrong, or data, weights or code changed.
        """
        from runners.api.launch import prepare_resume_request  # These two load torch.
        from runners.api.session_process import SessionProcess

        request = record_of(ResumeRequest, options)
        self._start(SessionProcess(prepare_resume_request(self.root, request)), quiet=request.quiet)
        return self

    def _start(self, process: SessionProcess, *, quiet: bool) -> None:
        """Follow a session that this process started; it may have changed the description."""
        super().__init__(self.root)
        self.__dict__.pop("record", None)
        self._process, self._quiet, self._printed = process, quiet, 0

    def _runs(self) -> bool:
        if self._process is not None and self._process.is_running:
            return True
        return holder(self._folder) is not None

    @property
    def _poll_seconds(self) -> float:
        is_here = self._process is not None and self._process.is_running
        return _REMOTE_POLL_SECONDS if self._folder.remote and not is_here else _POLL_SECONDS

    def _interrupt(self) -> None:
        if self._process is not None and self._process.is_running:
            self._process.interrupt()
        elif self._runs():
            self._folder.request_stop()

    def _follow(self, deadline: float | None) -> None:
        """Show the progress until the session ends."""
        while True:
            runs = self._runs()
            self._show_progress()
            if not runs:
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"{self.root} still runs: {self.status()}")
            time.sleep(self._poll_seconds)

    def _show_progress(self) -> None:
        """Print the whole lines that the session has added to its log."""
        if self._process is None or self._quiet:
            return
        with contextlib.suppress(FileNotFoundError), self._process.log.open("rb") as log:
            log.seek(self._printed)
            lines, newline, _ = log.read().rpartition(b"\n")
            self._printed += len(lines) + len(newline)
            if lines:
                say(lines.decode("utf-8", errors="replace"), err=True)

    def __repr__(self) -> str:
        return printable(f"<Sweep {self.name} at {self.root}: {self._status_text()}>")

    def _repr_html_(self) -> str:
        summary = f"<p><b>{html.escape(printable(self.name))}</b> {html.escape(printable(self._status_text()))}</p>"
        with contextlib.suppress(UserError):
            return summary + self.best()._repr_html_()
        return summary

    def _status_text(self) -> str:
        try:
            return str(self.status())
        except UserError as error:
            return str(error)


@with_options(LaunchRequest)
def sweep(study: Study | str | os.PathLike[str], **options: Any) -> Sweep:  # noqa: ANN401  (checked against the record)
    """Launch a sweep, or continue one that exists, in a process of its own.

    Everything is checked before that process starts, so that every mistake is an exception here.

    Args:
        study: The name of a study, a Python file that defines one, or a `Study`.
        options: Those of `seatbelt sweep` with `_` in place of `-`: `data="my-images"`,
            `set={"encoder": ["resnet18", "resnet34"]}`, `fix={"weights": "none"}`, `size=(96, 160)`, `max_epochs=9`.

    Returns:
        The sweep, once it runs.

    Raises:
        UserError: The sweep could not work; the message says why. Nothing has run.
        SweepFailedError: Its process ended before it could begin.
    """
    request = record_of(LaunchRequest, options, study=os.fspath(study) if isinstance(study, os.PathLike) else study)
    from runners.api.launch import prepare_request, scenes_from_another_process  # These two load torch.
    from runners.api.session_process import SessionProcess

    session = prepare_request(request, default_data=scenes_from_another_process)
    process = SessionProcess(session)
    launched = Sweep(session.folder.name)
    launched._start(process, quiet=request.quiet)
    return launched
