"""Shows a running sweep: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runners.core.events import CertaintyJudged, Decided, EpochMeasured, Event, LegEnded
from runners.core.history import History
from runners.core.plan import Finished, Plan
from runners.core.stopping import as_measured, no_success, no_success_text
from runners.session.recommendation_text import certainty_text, recommendation_text
from runners.session.sweep_progress import SweepProgress, progress_line, progress_rows, sweep_progress
from seatbelt.records.tables import Status
from seatbelt.text.redaction import safe_text
from seatbelt.text.wording import counted, duration

_REFRESH_SECONDS, _SUMMARY_SECONDS = 0.5, 60.0


class Progress:
    """Shows one session to people."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live: Live | None = None
        self._refreshed = 0.0
        self._started = self._summarised = time.monotonic()
        self._epochs_before = 0
        self._plan: Plan | None = None

    def opened(self, plan: Plan, history: History) -> None:
        """Show that a session began."""
        self._plan = plan
        self._started = self._summarised = time.monotonic()
        self._epochs_before = history.epochs_done
        console = Console(file=self._stream)
        if console.is_terminal and not self._quiet:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        if history.epochs_done:
            trials, epochs = counted(len(history.trials), "trial"), counted(history.epochs_done, "epoch")
            self._line(f"resumed: {trials} and {epochs} are recorded")

    def event(self, event: Event, history: History) -> None:
        """Show an event."""
        if isinstance(event, EpochMeasured) and self._live is None:
            view = history.trials[event.trial_key]
            self._line(f"{view.name} epoch {event.epoch}/{view.committed}: selection IoU {event.score:.3f}")
        elif isinstance(event, LegEnded):
            view = history.trials[event.trial_key]
            if event.error or view.status is Status.DIVERGED:
                self._line(f"{view.name} {view.status}: {view.error}")
            elif view.status is Status.COMPLETE:
                self._line(f"{view.name} complete: best selection IoU {view.best_score:.3f}")
        elif isinstance(event, Decided) and event.kind == "promotion" and event.trial_key:
            view = history.trials[event.trial_key]
            self._line(f"{view.name} promoted (rank {event.rank} of {event.compared}): {event.reason}")
        elif isinstance(event, CertaintyJudged):
            self._line(certainty_text(as_measured(event, history)))
        self.tick(history)

    def tick(self, history: History) -> None:
        """Refresh the live table, at most twice a second; elsewhere print a summary, at most once a minute."""
        now = time.monotonic()
        if self._live is not None and now - self._refreshed >= _REFRESH_SECONDS:
            self._refreshed = now
            self._live.update(self._view(history), refresh=True)
        elif self._live is None and now - self._summarised >= _SUMMARY_SECONDS:
            self._summarised = now
            self._line(progress_line(*self._progress(history)))

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._line(f"warning: {text}")

    def note(self, text: str) -> None:
        """Show a step of the preparation."""
        self._line(text)

    def closed(
        self,
        plan: Plan,
        history: History,
        finished: Finished | None,
        stopped: str | None,
        sweep: str = "SWEEP",
        *,
        unpublished: str | None = None,
    ) -> None:
        """Show how a session ended.

        Args:
            plan: Plan of the sweep.
            history: History of the sweep.
            finished: The end of the sweep; None if it has not ended.
            stopped: Why the session ended early.
            sweep: Location of the sweep.
            unpublished: What its bucket did not accept, and why.
        """
        self.hide()
        counts = ", ".join(f"{count} {status}" for status, count in sorted(history.statuses.items()) if count)
        self._line(
            f"{counts or 'no trials'}; {counted(history.epochs_done, 'epoch')} in {duration(3600 * history.hours_used)}"
        )
        recommended = recommendation_text(plan, history)
        if recommended:
            self._line(recommended)
        if unpublished is not None:
            because = f"stopped: {stopped}; " if stopped else ""
            self._line(f"failed: {because}not published: {unpublished}")
        elif finished is not None and no_success(history):
            self._line(f"failed: {no_success_text(history, shlex.quote(sweep))}")
        elif finished is not None:
            self._line(f"finished: {finished.reason}")
        elif stopped:
            self._line(f"stopped: {stopped}; `seatbelt resume` continues")

    def hide(self) -> None:
        """Remove the live table."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        text = safe_text(text)
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def _view(self, history: History) -> Group:
        """Return the rows of the progress and a table of the running trials; both cut long texts."""
        # Text, not str: levels such as [/x] are no markup.
        lines = [
            Text(safe_text(f"{label:<10}{text}").replace("\n", " "), no_wrap=True, overflow="ellipsis")
            for label, text in progress_rows(*self._progress(history))
        ]
        return Group(*lines, _running_table(history)) if history.running else Group(*lines)

    def _progress(self, history: History) -> tuple[SweepProgress, float, float | None]:
        """Return the progress, the seconds of all sessions, and the seconds left."""
        assert self._plan is not None
        progress = sweep_progress(self._plan, history)
        seconds = time.monotonic() - self._started
        left = progress.seconds_left(seconds, history.epochs_done - self._epochs_before)
        return progress, history.seconds_used + seconds, left


def _running_table(history: History) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("running", no_wrap=True, overflow="ellipsis")
    for name, width in (("epoch", 7), ("IoU", 5), ("best", 5)):
        table.add_column(name, no_wrap=True, min_width=width)
    for key in sorted(history.running, key=lambda k: history.trials[k].plan.number):
        view = history.trials[key]
        last = f"{view.scores[-1]:.3f}" if view.scores else "-"
        best = f"{view.best_score:.3f}" if view.best_score is not None else "-"
        table.add_row(Text(safe_text(view.name)), f"{view.epochs_done}/{view.committed}", last, best)
    return table
