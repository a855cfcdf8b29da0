"""Shows the progress of a sweep from its ledger, without becoming its writer."""

from __future__ import annotations

import shlex
import time
from collections import Counter

from pydantic import TypeAdapter

from runners.core.events import Event, LegEnded, LegStarted, SessionOpened
from runners.core.history import History
from runners.core.plan import Limits
from runners.core.stopping import no_success, no_success_text
from runners.session.progress import total_epochs
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from runners.sweep_files.ledger import holder
from seatbelt.records.tables import Status
from seatbelt.text.wording import duration


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
    sessions = [event for event in events if isinstance(event, SessionOpened)]
    limits = TypeAdapter(Limits).validate_python(sessions[-1].limits) if sessions else Limits()
    plan = description.plan(limits)
    who = holder(folder)
    lines = [
        f"{root}: {description.study}, {description.question}",
        f"driver     {who or _without_driver(root, history)}",
        "trials     " + (_counts(history, runs=who is not None) or "none"),
    ]
    total = total_epochs(plan)
    lines.append(f"epochs     {history.epochs_done}" + (f" of about {total}" if total is not None else ""))
    if history.best is not None:
        view = history.trials[history.best[1]]
        cell = " ".join(view.plan.cell.values())
        lines.append(f"best       selection IoU {history.best[0]:.3f}: {cell} (trial {view.key})")
    lines += [f"baseline   {name}: {value:.3f}" for name, value in description.baselines.items()]
    for key in sorted(history.running if who else ()):
        view = history.trials[key]
        started = [e.at for e in events if isinstance(e, LegStarted) and e.trial_key == key][-1]
        since = duration(time.time() - started)
        lines.append(
            f"running    {' '.join(view.plan.cell.values())}: epoch {view.epochs_done}/{view.committed}, {since}"
        )
    lost = [event for event in events if isinstance(event, LegEnded) and event.outcome in ("lost", "fault")]
    if lost:
        legs = "1 leg" if len(lost) == 1 else f"{len(lost)} legs"
        lines.append(f"faults     {legs} lost to machines, each tried again; the last: {lost[-1].error}")
    lines.append(f"disk       {folder.storage.size() / 2**20:.0f} MiB in {root}")
    return "\n".join(lines), who is not None


def _without_driver(root: str, history: History) -> str:
    """Return the state of a sweep without a driver."""
    sweep = shlex.quote(root)
    if history.end is None:
        return f"not running; continue with: seatbelt resume {sweep}"
    if no_success(history):
        return f"not running; {no_success_text(history, sweep)}"
    return f"not running; finished: {history.end}"


def _counts(history: History, *, runs: bool) -> str:
    """Return the number of trials by status; without a driver no trial is running."""
    counts: Counter[str] = Counter()
    for status, count in history.statuses.items():
        counts[Status.INTERRUPTED if status is Status.RUNNING and not runs else status] += count
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()) if count)
