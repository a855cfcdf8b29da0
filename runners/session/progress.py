"""Shows a running sweep: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runners.core.events import CertaintyJudged, Decided, EpochMeasured, Event, LegEnded, LegStarted
from runners.core.history import History
from runners.core.plan import Finished, Plan
from runners.core.stopping import as_measured, no_success, no_success_text
from runners.core.trial_state import TrialState
from runners.session.recommendation_text import certainty_text, recommendation_text
from seatbelt.records.tables import Status
from seatbelt.text.redaction import shown
from seatbelt.text.wording import duration

_REFRESH_SECONDS = 0.5


class Progress:
    """Shows one session to people."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live: Live | None = None
        self._refreshed = 0.0
        self._started = time.monotonic()
        self._epochs_before = 0
        self._plan: Plan | None = None
        self._legs: dict[str, LegStarted] = {}

    def opened(self, plan: Plan, history: History) -> None:
        """Show that a session began."""
        self._plan = plan
        self._started = time.monotonic()
        self._epochs_before = history.epochs_done
        console = Console(file=self._stream)
        if console.is_terminal and not self._quiet:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        if history.epochs_done:
            self._line(f"resumed: {len(history.trials)} trials and {history.epochs_done} epochs are recorded")

    def event(self, event: Event, history: History) -> None:
        """Show an event."""
        if isinstance(event, LegStarted):
            self._legs[event.trial_key] = event
        elif isinstance(event, EpochMeasured) and self._live is None:
            view = history.trials[event.trial_key]
            self._line(f"{_name(view)} epoch {event.epoch}/{view.committed}: selection IoU {event.score:.3f}")
        elif isinstance(event, LegEnded):
            view = history.trials[event.trial_key]
            if event.error or view.status is Status.DIVERGED:
                self._line(f"{_name(view)} {view.status}: {view.error}")
            elif view.status is Status.COMPLETE:
                self._line(f"{_name(view)} complete: best selection IoU {view.best_score:.3f}")
        elif isinstance(event, Decided) and event.kind == "promotion" and event.trial_key:
            view = history.trials[event.trial_key]
            self._line(f"{_name(view)} promoted (rank {event.rank} of {event.compared}): {event.reason}")
        elif isinstance(event, CertaintyJudged):
            self._line(certainty_text(as_measured(event, history)))
        self.tick(history)

    def tick(self, history: History) -> None:
        """Refresh the live table, at most twice a second."""
        now = time.monotonic()
        if self._live is not None and now - self._refreshed >= _REFRESH_SECONDS:
            self._refreshed = now
            self._live.update(self._table(history), refresh=True)

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
        self._line(f"{counts or 'no trials'}; {history.epochs_done} epochs")
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
        text = shown(text)
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def _table(self, history: History) -> Table:
        # Text, not str: levels such as [/x] are no markup.
        table = Table(title=Text(shown(self._title(history))), title_justify="left", box=None, pad_edge=False)
        for column in ("trial", "what", "epoch", "selection IoU", "best"):
            table.add_column(column)
        for key in sorted(history.running, key=lambda k: history.trials[k].plan.number):
            view = history.trials[key]
            last = f"{view.scores[-1]:.3f}" if view.scores else "-"
            best = f"{view.best_score:.3f}" if view.best_score is not None else "-"
            table.add_row(key, Text(shown(_cell(view))), f"{view.epochs_done}/{view.committed}", last, best)
        return table

    def _title(self, history: History) -> str:
        assert self._plan is not None
        total = self._plan.most_trials
        ended = sum(history.statuses[s] for s in Status if s not in (Status.PLANNED, Status.RUNNING))
        trials = f"{ended}/{total}" if total else str(ended)
        best = "-"
        if history.best is not None:
            best = f"{history.best[0]:.3f} ({_cell(history.trials[history.best[1]])})"
        return f"trials {trials}  epochs {history.epochs_done}  best {best}  time left {self._time_left(history)}"

    def _time_left(self, history: History) -> str:
        assert self._plan is not None
        done = history.epochs_done - self._epochs_before
        total = total_epochs(self._plan)
        if not done or total is None:
            return "?"
        pace = (time.monotonic() - self._started) / done
        return duration(max(0, total - history.epochs_done) * pace)


def total_epochs(plan: Plan) -> int | None:
    """Return roughly how many epochs a sweep will train; None if only time limits it."""
    bounds = [plan.limits.epochs] if plan.limits.epochs is not None else []
    trials = plan.most_trials
    if trials is not None:
        if plan.prune == "none":
            bounds.append(trials * plan.epochs)
        else:
            exempt = -(-trials // plan.exempt_every)
            alive, before, epochs = trials - exempt, 0, exempt * plan.epochs
            for rung in plan.rungs:
                epochs += alive * (rung - before)
                alive, before = max(1, alive // plan.eta), rung
            bounds.append(epochs)
    return min(bounds) if bounds else None


def _name(view: TrialState) -> str:
    return f"[{view.plan.number}] {_cell(view)}"


def _cell(view: TrialState) -> str:
    levels = " ".join(view.plan.cell.values())
    return f"{levels} r{view.plan.replicate}" if view.plan.replicate else levels
