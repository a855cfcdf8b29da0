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
from runners.session.sweep_progress import total_epochs
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from runners.sweep_files.ledger import holder
from seatbelt.records.sweep import cell_text
from seatbelt.records.tables import Status
from seatbelt.text.wording import duration


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
    """Epochs trained, over all trials."""
    total_epochs: int | None
    """Roughly how many it will train; None if only time limits it."""
    best: float | None
    """Best IoU on the selection set."""
    best_arm: dict[str, str]
    """Factor -> level of the trial that has it."""
    seconds_left: float | None
    """Estimated from the present session; None while it does not run or has measured nothing."""

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.trials.items())) or "no trials"
        total = "" if self.total_epochs is None else f" of about {self.total_epochs}"
        parts = [f"{self.state}: {counts}", f"{self.epochs}{total} epochs"]
        if self.best is not None:
            parts.append(f"best selection IoU {self.best:.3f} ({cell_text(self.best_arm)})")
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
        opened = [event for event in events if isinstance(event, SessionOpened)]
        limits = TypeAdapter(Limits).validate_python(opened[-1].limits) if opened else Limits()
        total = total_epochs(description.plan(limits))
        best, key = history.best or (None, None)
        state, reason = _state(history, folder, runs=runs)
        return SweepStatus(
            state=state,
            reason=reason,
            trials=_counts(history, runs=runs),
            epochs=history.epochs_done,
            total_epochs=total,
            best=best,
            best_arm=dict(history.trials[key].plan.cell) if key is not None else {},
            seconds_left=_seconds_left(events, history, total) if runs else None,
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


def _counts(history: History, *, runs: bool) -> dict[str, int]:
    """Return the number of trials by status; without a driver no trial is running."""
    counts: dict[str, int] = {}
    for status, count in history.statuses.items():
        name = str(Status.INTERRUPTED if status is Status.RUNNING and not runs else status)
        if count:
            counts[name] = counts.get(name, 0) + count
    return counts


def _seconds_left(events: list[Event], history: History, total: int | None) -> float | None:
    since = max(index for index, event in enumerate(events) if isinstance(event, SessionOpened))
    done = history.epochs_done - History(events[:since]).epochs_done
    if total is None or done <= 0:
        return None
    return max(0, total - history.epochs_done) * (time.time() - events[since].at) / done
