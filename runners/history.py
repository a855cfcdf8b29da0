"""History: an indexed view of the ledger that each event updates in place.

`next_leg` asks the indices and never scans the trials, so that a decision at 10,000 trials costs what it
cost at 100.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runners.events import (
    ClockRead,
    Decided,
    EpochMeasured,
    Event,
    LegBegan,
    LegEnded,
    LegStarted,
    Planned,
    SessionOpened,
)
from seatbelt.records import Status

_ENDINGS = {
    "paused": Status.PAUSED,
    "complete": Status.COMPLETE,
    "diverged": Status.DIVERGED,
    "out_of_memory": Status.OUT_OF_MEMORY,
    "failed": Status.FAILED,
    "error": Status.INTERRUPTED,
    "lost": Status.INTERRUPTED,
    "interrupted": Status.INTERRUPTED,
}
"""Outcome of a leg -> status of its trial; after `error` and `lost` the trial is tried again."""


@dataclass
class TrialView:
    """What the ledger tells of one trial."""

    plan: Planned
    status: Status = Status.PLANNED
    scores: list[float] = field(default_factory=list)
    """Selection IoU of epochs 1, 2, ..."""
    best_epoch: int = 0
    committed: int = 0
    """Epochs that are done or handed out."""
    attempt: int = 0
    failures: int = 0
    """Legs that ended by an error of the trial."""
    losses: int = 0
    """Workers lost since the last epoch that was measured."""
    error: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] | None = None
    best_metrics: dict[str, Any] = field(default_factory=dict)
    train_seconds: float = 0.0
    seconds: float = 0.0
    ended_at: float | None = None

    @property
    def key(self) -> str:
        """The trial's key."""
        return self.plan.trial_key

    @property
    def epochs_done(self) -> int:
        """Epochs whose numbers are recorded."""
        return len(self.scores)

    @property
    def best_score(self) -> float | None:
        """Best selection IoU so far."""
        return self.scores[self.best_epoch - 1] if self.best_epoch else None


@dataclass
class RungView:
    """The trials that stopped at one rung."""

    waiting: list[tuple[float, int, str]] = field(default_factory=list)
    """Not promoted yet: (negative score, number, key), best first."""
    ranking: list[float] = field(default_factory=list)
    """Negative scores of all that reached the rung, best first."""
    promoted: int = 0

    @property
    def reached(self) -> int:
        """Number of trials that reached the rung."""
        return len(self.ranking)


class History:
    """Everything that was proposed, decided and measured, in the order of the ledger."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.trials: dict[str, TrialView] = {}
        self.by_number: list[TrialView] = []
        self.arms: dict[str, int] = {}
        """Arm key -> number of its replicates."""
        self.running: set[str] = set()
        self.ready: set[str] = set()
        """Planned or interrupted trials: they go on before anything else is decided."""
        self.rungs: dict[int, RungView] = {}
        self.statuses: Counter[Status] = Counter()
        self.next_position = 0
        self.committed_epochs = 0
        self.epochs_done = 0
        self.decisions = 0
        self.seconds_used = 0.0
        self._session_start = 0.0
        self._session_seconds = 0.0
        self.best: tuple[float, str] | None = None
        """Best selection IoU of any epoch so far, and its trial."""
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Take one event into the view."""
        if isinstance(event, EpochMeasured):
            self._epoch(event)
        elif isinstance(event, LegStarted):
            self._leg_started(event)
        elif isinstance(event, LegEnded):
            self._leg_ended(event)
        elif isinstance(event, LegBegan):
            self.trials[event.trial_key].facts = event.facts
        elif isinstance(event, Planned):
            self._planned(event)
        elif isinstance(event, Decided):
            self._decided(event)
        elif isinstance(event, SessionOpened):
            self._session(event)
        self._clock(event)

    def is_new_epoch(self, trial_key: str, epoch: int) -> bool:
        """Return whether an epoch is the next one of its trial; an earlier one is recorded already."""
        return epoch == self.trials[trial_key].epochs_done + 1

    def _planned(self, event: Planned) -> None:
        assert event.trial_key not in self.trials, "a trial was planned twice"
        view = TrialView(plan=event)
        self.trials[event.trial_key] = view
        self.by_number.append(view)
        self.arms[event.arm_key] = self.arms.get(event.arm_key, 0) + 1
        self.next_position = max(self.next_position, event.position + 1)
        self.ready.add(event.trial_key)
        self.statuses[Status.PLANNED] += 1

    def _leg_started(self, event: LegStarted) -> None:
        view = self.trials[event.trial_key]
        if view.status in (Status.PAUSED, Status.PRUNED):
            rung = self.rungs[event.start]
            entry = _entry(view, event.start)
            rung.waiting.pop(bisect.bisect_left(rung.waiting, entry))
            rung.promoted += 1
        view.attempt = event.attempt
        self.committed_epochs += max(0, event.stop - view.committed)
        view.committed = max(view.committed, event.stop)
        self.running.add(view.key)
        self.ready.discard(view.key)
        self._set_status(view, Status.RUNNING, event.at)

    def _epoch(self, event: EpochMeasured) -> None:
        view = self.trials[event.trial_key]
        assert event.epoch == view.epochs_done + 1, "epochs are recorded in order, each once"
        view.scores.append(event.score)
        self.epochs_done += 1
        view.losses = 0
        if view.best_epoch == 0 or event.score > view.scores[view.best_epoch - 1]:
            view.best_epoch = event.epoch
            view.best_metrics = event.metrics
        view.train_seconds += event.metrics.get("train_seconds") or 0.0
        view.seconds += (event.metrics.get("train_seconds") or 0.0) + (event.metrics.get("evaluation_seconds") or 0.0)
        if self.best is None or event.score > self.best[0]:
            self.best = (event.score, view.key)

    def _leg_ended(self, event: LegEnded) -> None:
        view = self.trials[event.trial_key]
        self.running.discard(view.key)
        view.error = event.error
        view.failures += event.outcome in ("error", "failed")
        view.losses += event.outcome == "lost"
        status = _ENDINGS[event.outcome]
        if status is Status.INTERRUPTED:
            self.ready.add(view.key)
        elif status is Status.PAUSED:
            rung = self.rungs.setdefault(event.epoch, RungView())
            entry = _entry(view, event.epoch)
            bisect.insort(rung.waiting, entry)
            bisect.insort(rung.ranking, entry[0])
        else:
            # Early stopping, divergence and failure leave part of what was handed out unused.
            self.committed_epochs -= view.committed - view.epochs_done
            view.committed = view.epochs_done
            view.test = event.test
        self._set_status(view, status, event.at)

    def _decided(self, event: Decided) -> None:
        self.decisions += 1
        if event.kind == "prune" and event.trial_key is not None:
            self._set_status(self.trials[event.trial_key], Status.PRUNED, event.at)

    def _session(self, event: SessionOpened) -> None:
        for key in sorted(self.running):
            self._set_status(self.trials[key], Status.INTERRUPTED, event.at)
            self.ready.add(key)
        self.running.clear()
        self.seconds_used += self._session_seconds
        self._session_seconds = 0.0
        self._session_start = event.at

    def _clock(self, event: Event) -> None:
        if isinstance(event, ClockRead | SessionOpened | EpochMeasured | LegEnded):
            self._session_seconds = max(self._session_seconds, event.at - self._session_start)

    @property
    def hours_used(self) -> float:
        """Hours that drivers have worked on the sweep, up to the newest event."""
        return (self.seconds_used + self._session_seconds) / 3600

    def _set_status(self, view: TrialView, status: Status, at: float) -> None:
        self.statuses[view.status] -= 1
        self.statuses[status] += 1
        view.status = status
        view.ended_at = at


def score_at(view: TrialView, epoch: int) -> float:
    """Return the best selection IoU of a trial up to an epoch."""
    return max(view.scores[:epoch])


def _entry(view: TrialView, epoch: int) -> tuple[float, int, str]:
    return (-score_at(view, epoch), view.plan.number, view.key)
