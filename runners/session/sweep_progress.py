"""How far a sweep is: the numbers of the live display, of `seatbelt status` and of `seatbelt list`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runners.core.events import EpochMeasured, Event, SessionOpened
from runners.core.history import History
from runners.core.plan import Plan
from runners.core.trial_state import TrialState
from seatbelt.records.names import CONFIRMING
from seatbelt.records.tables import FINAL, WITHOUT_RESULT, Status
from seatbelt.text.wording import counted, duration

LEADERS = 3
"""Number of leading arms to show."""
_BAR = 12
_ENDED = {*FINAL, Status.PRUNED}


@dataclass(frozen=True, kw_only=True)
class SweepProgress:
    """How far a sweep is, or the confirmation that its session runs."""

    epochs: int
    """Epochs done by trials of arms; pretraining is not counted."""
    most_epochs: int | None
    """Roughly how many there will be; None if only time limits the sweep."""
    trials: int
    """Trials that ended, pruned ones included."""
    most_trials: int | None
    running: int
    waiting: int
    """Trials that wait at a rung."""
    leaders: list[TrialState]
    """The best trial of each leading arm, by its best selection IoU so far."""
    failures: dict[str, int]
    """Status without a result -> number of trials."""
    last_failure: TrialState | None
    finished: bool

    @property
    def share(self) -> float | None:
        """Share of the epochs that are done; None if their number is unknown."""
        if self.finished:
            return 1.0
        return min(1.0, self.epochs / self.most_epochs) if self.most_epochs else None

    def seconds_left(self, seconds: float, epochs: int) -> float | None:
        """Return the time left at the pace of some epochs, None if it is unknown.

        Args:
            seconds: The time they took.
            epochs: Their number.
        """
        if not epochs or self.most_epochs is None or self.epochs >= self.most_epochs:
            return None
        return (self.most_epochs - self.epochs) * seconds / epochs


def sweep_progress(plan: Plan, history: History) -> SweepProgress:
    """Return how far a sweep is; of a session that confirms, how far the confirmation is."""
    views = [view for view in history.by_number if _counts(plan, view)]
    statuses = Counter(view.status for view in views)
    failed = [view for view in history.by_number if view.status in WITHOUT_RESULT]
    return SweepProgress(
        epochs=sum(view.epochs_done for view in views),
        most_epochs=total_epochs(plan),
        trials=sum(statuses[status] for status in _ENDED),
        most_trials=plan.most_trials,
        running=len(history.running),
        waiting=statuses[Status.PAUSED],
        leaders=_leaders(history),
        failures={str(status): count for status, count in sorted(Counter(view.status for view in failed).items())},
        last_failure=max(failed, key=lambda view: view.ended_at or 0.0, default=None),
        finished=history.end is not None,
    )


def session_pace(events: Sequence[Event], now: float) -> tuple[float, int]:
    """Return the seconds and the epochs of the last session, which runs; no seconds if there was none."""
    begin = next((index for index in range(len(events))[::-1] if isinstance(events[index], SessionOpened)), None)
    if begin is None:
        return 0.0, 0
    return now - events[begin].at, sum(isinstance(event, EpochMeasured) for event in events[begin:])


def status_counts(history: History, *, runs: bool) -> dict[str, int]:
    """Return the number of trials by status, in alphabetical order; without a driver no trial is running."""
    counts: Counter[str] = Counter()
    for status, count in history.statuses.items():
        counts[str(Status.INTERRUPTED if status is Status.RUNNING and not runs else status)] += count
    return {status: count for status, count in sorted(counts.items()) if count}


def total_epochs(plan: Plan) -> int | None:
    """Return roughly how many epochs a sweep will train; None if only time limits it."""
    trials = plan.most_trials
    if plan.confirmation is not None:
        return (trials or 0) * plan.epochs
    bounds = [plan.limits.epochs] if plan.limits.epochs is not None else []
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


def progress_rows(progress: SweepProgress, elapsed: float, left: float | None) -> Iterator[tuple[str, str]]:
    """Yield the progress as rows of a label and a text; further leaders have no label.

    Args:
        progress: How far the sweep is.
        elapsed: Seconds of all sessions.
        left: Seconds left; None if unknown.
    """
    yield "progress", " ".join(text for text in (_bar(progress.share), epochs_text(progress)) if text)
    yield "trials", trials_text(progress)
    yield "time", time_text(progress, elapsed, left)
    for position, view in enumerate(progress.leaders):
        yield "" if position else "best", leader_text(view)
    if progress.failures:
        yield "failed", failures_text(progress)


def progress_line(progress: SweepProgress, elapsed: float, left: float | None) -> str:
    """Return the progress as one line."""
    leaders = ", ".join(leader_text(view) for view in progress.leaders)
    parts = [
        f"{epochs_text(progress)}, trials {trials_text(progress)}, {time_text(progress, elapsed, left)}",
        f"best {leaders}" if leaders else "",
        f"failed: {failures_text(progress)}" if progress.failures else "",
    ]
    return "; ".join(part for part in parts if part)


def epochs_text(progress: SweepProgress) -> str:
    """Return `45 of about 108 epochs (42 %)`."""
    if progress.finished or progress.most_epochs is None:
        return counted(progress.epochs, "epoch") + (", finished" if progress.finished else "")
    percent = 100 * (progress.share or 0.0)
    return f"{progress.epochs:,} of about {counted(progress.most_epochs, 'epoch')} ({percent:.0f} %)"


def trials_text(progress: SweepProgress) -> str:
    """Return `5 of 12 ended, 2 running, 3 waiting at a rung`."""
    total = "" if progress.most_trials is None or progress.finished else f" of {progress.most_trials:,}"
    text = f"{progress.trials:,}{total} ended"
    text += f", {progress.running:,} running" if progress.running else ""
    return text + (f", {progress.waiting:,} waiting at a rung" if progress.waiting else "")


def time_text(progress: SweepProgress, elapsed: float, left: float | None) -> str:
    """Return `12 min elapsed, about 17 min left`."""
    if progress.finished:
        return f"took {duration(elapsed)}"
    return f"{duration(elapsed)} elapsed" + ("" if left is None else f", about {duration(left)} left")


def leader_text(view: TrialState) -> str:
    """Return `0.379 [1] resnet18 unet`."""
    return f"{view.best_score:.3f} {view.name}"


def failures_text(progress: SweepProgress) -> str:
    """Return how many trials failed, and the last reason."""
    counts = ", ".join(f"{count} {status}" for status, count in progress.failures.items())
    last = progress.last_failure
    return counts if last is None else f"{counts}; last: {last.name}: {last.error or 'no reason was recorded'}"


def _counts(plan: Plan, view: TrialState) -> bool:
    """Return whether a trial is one that the session's limits count."""
    if plan.confirmation is None:
        return view.role == "arm"
    last = CONFIRMING + plan.confirmation.replicates
    return view.role == "confirmation" and view.plan.replicate < last and view.plan.cell in plan.confirmation.cells


def _leaders(history: History) -> list[TrialState]:
    arms: dict[str, TrialState] = {}
    for view in history.by_number:
        if view.role == "arm" and view.best_score is not None:
            leader = arms.get(view.plan.arm_key)
            if leader is None or (leader.best_score or 0.0) < view.best_score:
                arms[view.plan.arm_key] = view
    return sorted(arms.values(), key=lambda view: -(view.best_score or 0.0))[:LEADERS]


def _bar(share: float | None) -> str:
    done = 0 if share is None else round(share * _BAR)
    return "" if share is None else f"[{'#' * done}{'-' * (_BAR - done)}]"
