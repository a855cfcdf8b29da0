"""The state of a sweep in a few numbers, from its ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from runners.core.events import Event, SessionOpened
from runners.core.history import History
from runners.core.plan import Limits
from runners.core.stopping import no_success, no_success_text
from runners.session.sweep_progress import session_pace, status_counts, sweep_progress
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from runners.sweep_files.ledger import holder
from seatbelt.text.wording import counted, duration


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """How far a sweep is."""

    state: Literal["running", "stopped", "finished", "failed"]
    """`stopped`: no driver runs, and something is left to do. `failed`: finished, and no trial has a result."""
    reason: str | None
    """Why it finished or failed."""
    trials: dict[str, int]
    """Status -> number of trials."""
    epochs: int
    """Epochs done by trials of arms; pretraining is not counted."""
    total_epochs: int | None
    """Roughly how many there will be; None if only time limits the sweep."""
    best: float | None
    """Best IoU on the selection set so far."""
    best_trial: str | None
    """Number and name of its trial."""
    seconds_left: float | None
    """Estimated from the present session; None while it does not run or has measured nothing."""

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.trials.items())) or "no trials"
        epochs = counted(self.epochs, "epoch")
        if self.total_epochs is not None:
            epochs = f"{self.epochs:,} of about {counted(self.total_epochs, 'epoch')}"
        parts = [f"{self.state}: {counts}", epochs]
        if self.best is not None:
            parts.append(f"best selection IoU {self.best:.3f} ({self.best_trial})")
        if self.seconds_left is not None:
            parts.append(f"about {duration(self.seconds_left)} left")
        if self.reason is not None:
            parts.append(self.reason)
        return "; ".join(parts)

    __repr__ = __str__


def sweep_status(folder: SweepFolder) -> SweepStatus:
    """Read the state of a sweep.

    Raises:
        UserError: There is no sweep, or its journal is damaged.
    """
    description = folder.describe()
    # A driver that ends now has written everything, so it is looked for first.
    runs = holder(folder) is not None
    events: list[Event] = list(read_events(folder))
    with as_recorded(folder):
        history = History(events)
        session = [event for event in events if isinstance(event, SessionOpened)][-1:]
        limits = TypeAdapter(Limits).validate_python(session[0].limits) if session else Limits()
        progress = sweep_progress(description.plan(limits), history)
        leader = progress.leaders[0] if progress.leaders else None
        state, reason = _state(history, folder, runs=runs)
        return SweepStatus(
            state=state,
            reason=reason,
            trials=status_counts(history, runs=runs),
            epochs=progress.epochs,
            total_epochs=progress.most_epochs,
            best=leader.best_score if leader else None,
            best_trial=leader.name if leader else None,
            seconds_left=progress.seconds_left(*session_pace(events, time.time())) if runs else None,
        )


def _state(
    history: History, folder: SweepFolder, *, runs: bool
) -> tuple[Literal["running", "stopped", "finished", "failed"], str | None]:
    if runs:
        return "running", None
    if history.end is None:
        return "stopped", None
    if no_success(history):
        return "failed", no_success_text(history, folder.name)
    return "finished", history.end
