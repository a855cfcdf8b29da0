"""Shows the progress of a sweep from its ledger, without becoming its writer."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import replace

from pydantic import TypeAdapter

from runners.core.events import Event, LegEnded, LegStarted, SessionOpened
from runners.core.history import History
from runners.core.plan import Limits
from runners.core.stopping import no_success, no_success_text
from runners.session.sweep_progress import progress_rows, session_pace, status_counts, sweep_progress
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from runners.sweep_files.ledger import holder
from seatbelt.text.wording import counted, duration


def status_text(root: str) -> tuple[str, bool]:
    """Return the state of a sweep as text, and whether a driver works on it."""
    folder = SweepFolder(root)
    folder.describe()
    events: list[Event] = list(read_events(folder))
    with as_recorded(folder):
        history = History(events)
        return _text(root, folder, events, history)


def _text(root: str, folder: SweepFolder, events: list[Event], history: History) -> tuple[str, bool]:
    description = folder.describe()
    who = holder(folder)
    rows = [
        ("driver", who or _without_driver(root, history)),
        *_progress(description, events, history, who is not None),
    ]
    rows += [("baseline", f"{name}: {value:.3f}") for name, value in description.baselines.items()]
    rows += _running(events, history) if who else []
    lost = [event for event in events if isinstance(event, LegEnded) and event.outcome in ("lost", "fault")]
    if lost:
        legs = counted(len(lost), "leg")
        rows.append(("faults", f"{legs} lost to machines, each tried again; the last: {lost[-1].error}"))
    rows.append(("disk", f"{folder.storage.size() / 2**20:.0f} MiB in {root}"))
    lines = [f"{root}: {description.study}, {description.question}", *(f"{label:<10} {text}" for label, text in rows)]
    return "\n".join(" ".join(line.split("\n")) for line in lines), who is not None


def _progress(
    description: SweepDescription, events: list[Event], history: History, runs: bool
) -> Iterator[tuple[str, str]]:
    """Yield the rows of the progress; a sweep without a driver says its trials by status."""
    session = [event for event in events if isinstance(event, SessionOpened)][-1:]
    limits = TypeAdapter(Limits).validate_python(session[0].limits) if session else Limits()
    progress = sweep_progress(description.plan(limits), history)
    if not runs:
        # A killed driver leaves trials that run no more.
        progress = replace(progress, running=0)
    seconds = 3600 * history.hours_used
    pace_seconds, pace_epochs = seconds, history.epochs_done
    if runs and session:
        pace_seconds, pace_epochs = session_pace(events, time.time())
        seconds = history.seconds_used + pace_seconds
    left = progress.seconds_left(pace_seconds, pace_epochs)
    for label, text in progress_rows(progress, seconds, left):
        yield label, text
        if label == "trials":
            counts = status_counts(history, runs=runs)
            yield "statuses", ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"


def _running(events: list[Event], history: History) -> Iterator[tuple[str, str]]:
    """Yield a row for each running trial."""
    started = {event.trial_key: event.at for event in events if isinstance(event, LegStarted)}
    for view in sorted((history.trials[key] for key in history.running), key=lambda view: view.plan.number):
        score = f", selection IoU {view.scores[-1]:.3f}" if view.scores else ""
        since = duration(time.time() - started[view.key])
        yield "running", f"{view.name}: epoch {view.epochs_done} of {view.committed}{score}, for {since}"


def _without_driver(root: str, history: History) -> str:
    """Return the state of a sweep without a driver."""
    sweep = shlex.quote(root)
    if history.end is None:
        return f"not running; continue with: seatbelt resume {sweep}"
    if no_success(history):
        return f"not running; {no_success_text(history, sweep)}"
    return f"not running; finished: {history.end}"
