"""History: an indexed view of the ledger that each event updates in place.

`next_leg` reads the indices and never scans the trials, so that a decision at 10,000 trials costs as much as one
at 100.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from runners.core.events import (
    Adopted,
    CertaintyJudged,
    ClockRead,
    Decided,
    EpochMeasured,
    Event,
    LegBegan,
    LegEnded,
    LegStarted,
    Planned,
    Retried,
    ScalesLearned,
    SessionOpened,
    StageFound,
    StageHeld,
)
from runners.core.trial_state import FailureStreak, FaultStreak, RungState, StageStates, TrialState
from seatbelt.records.tables import Status

_ENDINGS = {
    "paused": Status.PAUSED,
    "complete": Status.COMPLETE,
    "diverged": Status.DIVERGED,
    "out_of_memory": Status.OUT_OF_MEMORY,
    "failed": Status.FAILED,
    "error": Status.INTERRUPTED,
    "lost": Status.INTERRUPTED,
    "fault": Status.INTERRUPTED,
    "interrupted": Status.INTERRUPTED,
}
"""Outcome of a leg -> status of its trial; after `error`, `lost` and `fault` the trial is tried again."""


class History:
    """The state of a sweep after all recorded events."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.trials: dict[str, TrialState] = {}
        self.by_number: list[TrialState] = []
        self.arms: dict[str, int] = {}
        """Arm key -> number of its replicates."""
        self.arm_trials = 0
        """Number of trials that are arms of the search."""
        self.measured = 0
        """Number of these that have stopped at a rung or were complete."""
        self.scales: ScalesLearned | None = None
        """The last estimate of the factorial model's scales."""
        self.certainty: CertaintyJudged | None = None
        self.running: set[str] = set()
        self.ready: set[str] = set()
        """Planned or interrupted trials, which run before anything else is decided."""
        self.rungs: dict[int, dict[str, RungState]] = {}
        """Epoch -> schedule of the learning rates -> the trials there."""
        self.full: dict[int, set[str]] = {}
        """Epochs -> exempt trials that were complete at this length; they continue when the full epochs grow."""
        self.stages = StageStates()
        self.statuses: Counter[Status] = Counter()
        self.next_position = 0
        """Next position of the design."""
        self._arms = ""
        self.committed_epochs = 0
        self.epochs_done = 0
        self.decisions = 0
        self.seconds_used = 0.0
        self._session_start = 0.0
        self._session_seconds = 0.0
        self.failures = FailureStreak()
        self.faults = FaultStreak()
        self.best: tuple[float, str] | None = None
        """Best selection IoU of any epoch, and its trial."""
        self.end: str | None = None
        """Why the sweep finished; None until it does."""
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Update the state by one event."""
        if isinstance(event, EpochMeasured):
            self._epoch(event)
        elif isinstance(event, LegStarted):
            self._leg_started(event)
        elif isinstance(event, LegEnded):
            self._leg_ended(event)
        elif isinstance(event, LegBegan):
            self.trials[event.trial_key].facts = event.facts
        elif isinstance(event, Decided):
            self._decided(event)
        elif isinstance(event, SessionOpened):
            self._session(event)
        else:
            self._planning(event)
        self._clock(event)

    def is_new_epoch(self, trial_key: str, epoch: int) -> bool:
        """Return whether an epoch is the next one of its trial, rather than one that is recorded already."""
        return epoch == self.trials[trial_key].epochs_done + 1

    def _planning(self, event: Event) -> None:
        if isinstance(event, Planned):
            self._planned(event)
        elif isinstance(event, Adopted):
            self._adopted(event)
        elif isinstance(event, ScalesLearned):
            self.scales = event
        elif isinstance(event, CertaintyJudged):
            self.certainty = event
        elif isinstance(event, StageFound):
            self.stages.stored[event.stage] = event
            self.ready.update(self.stages.make_ready(event.stage))
        elif isinstance(event, StageHeld):
            if event.by is None:
                self.stages.held.pop(event.stage, None)
            else:
                self.stages.held[event.stage] = event.by
        elif isinstance(event, Retried):
            view = self.trials[event.trial_key]
            view.failures = view.losses = 0
            self.failures = FailureStreak()
            self.stages.failed.discard(view.key)
            self._make_ready(view)
            self._set_status(view, Status.INTERRUPTED, event.at)

    def _planned(self, event: Planned) -> None:
        assert event.trial_key not in self.trials, "a trial was planned twice"
        view = TrialState(plan=event, role=event.role, exempt=event.exempt)
        self.trials[event.trial_key] = view
        self.by_number.append(view)
        if event.role == "arm":
            self._count_arm(event.arm_key, event.position)
        self._make_ready(view)
        self.statuses[Status.PLANNED] += 1

    def _make_ready(self, view: TrialState) -> None:
        """Let a trial start as soon as its stage is ready."""
        stage = view.plan.stage
        if stage is None or self.stages.ask(stage, view.key, self.trials.get(stage)):
            self.ready.add(view.key)

    def _adopted(self, event: Adopted) -> None:
        view = self.trials[event.trial_key]
        view.role = "arm"
        # A trial that was planned as a stage carries the cell of its first user.
        view.plan = replace(view.plan, cell=event.cell, replicate=event.replicate)
        self._count_arm(view.plan.arm_key, event.position)

    def _count_arm(self, arm_key: str, position: int) -> None:
        self.arms[arm_key] = self.arms.get(arm_key, 0) + 1
        self.arm_trials += 1
        self.next_position = max(self.next_position, position + 1)

    def _leg_started(self, event: LegStarted) -> None:
        view = self.trials[event.trial_key]
        if view.status in (Status.PAUSED, Status.PRUNED, Status.COMPLETE) and event.start in self.rungs:
            self._rung(event.start, view).leave(view, event.start)
        self.full.get(event.start, set()).discard(view.key)
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
        self.faults = FaultStreak()
        if view.best_epoch == 0 or event.score > view.scores[view.best_epoch - 1]:
            view.best_epoch = event.epoch
            view.best_metrics = event.metrics
        view.train_seconds += event.metrics.get("train_seconds") or 0.0
        view.seconds += (event.metrics.get("train_seconds") or 0.0) + (event.metrics.get("evaluation_seconds") or 0.0)
        if view.role == "arm" and (self.best is None or event.score > self.best[0]):
            self.best = (event.score, view.key)

    def _leg_ended(self, event: LegEnded) -> None:
        view = self.trials[event.trial_key]
        self.running.discard(view.key)
        view.error = event.error
        if event.outcome == "diverged" and event.error is None:
            view.error = f"the loss was not finite in epoch {event.epoch}"
        if event.outcome in ("paused", "complete") and view.role == "arm" and not view.measured:
            view.measured = True
            self.measured += 1
        view.failures += event.outcome in ("error", "failed")
        if event.outcome in ("lost", "fault"):
            view.losses += 1
            view.machine_faults += 1
        if event.outcome == "fault":
            self.faults = self.faults.longer(event.at, event.error)
        status = _ENDINGS[event.outcome]
        if status is Status.INTERRUPTED:
            self.ready.add(view.key)
        elif status is Status.PAUSED:
            self._rung(event.epoch, view).arrive(view, event.epoch)
        else:
            self._trial_ended(view, event, status)
        self._set_status(view, status, event.at)

    def _rung(self, epoch: int, view: TrialState) -> RungState:
        return self.rungs.setdefault(epoch, {}).setdefault(view.schedule, RungState())

    def _trial_ended(self, view: TrialState, event: LegEnded, status: Status) -> None:
        view.stopped_early = status is Status.COMPLETE and view.epochs_done < view.committed
        # Early stopping, divergence and failure leave assigned epochs unused.
        self.committed_epochs -= view.committed - view.epochs_done
        view.committed = view.epochs_done
        view.test = event.test
        if status is Status.COMPLETE:
            self.failures = FailureStreak(is_over=True)
            if view.epochs_done and not view.stopped_early:
                if view.exempt and view.role != "stage":
                    self.full.setdefault(view.epochs_done, set()).add(view.key)
                elif not view.exempt:
                    self._rung(view.epochs_done, view).arrive(view, view.epochs_done)
            self.ready.update(self.stages.make_ready(view.key))
            return
        if view.key in self.stages.waiting:
            self.stages.failed.add(view.key)
        if view.plan.stage is not None:
            self.stages.give_up(view.plan.stage, view.key)
        self.ready.discard(view.key)
        failed = status is Status.FAILED
        self.failures = self.failures.longer(_without_numbers(event.error)) if failed else FailureStreak(is_over=True)

    def _decided(self, event: Decided) -> None:
        self.decisions += 1
        if event.kind == "finish":
            self.end = event.reason
        if event.kind == "prune" and event.trial_key is not None:
            self._set_status(self.trials[event.trial_key], Status.PRUNED, event.at)

    def _session(self, event: SessionOpened) -> None:
        for key in sorted(self.running):
            self._set_status(self.trials[key], Status.INTERRUPTED, event.at)
            self.ready.add(key)
        self.running.clear()
        self.end = None
        self.stages.held.clear()
        self.faults = FaultStreak()
        self.seconds_used += self._session_seconds
        self._session_seconds = 0.0
        self._session_start = event.at
        if event.arms != self._arms:
            self._arms, self.next_position = event.arms, 0

    def _clock(self, event: Event) -> None:
        if isinstance(event, ClockRead | SessionOpened | EpochMeasured | LegEnded):
            self._session_seconds = max(self._session_seconds, event.at - self._session_start)

    @property
    def hours_used(self) -> float:
        """Hours of all sessions, up to the newest event."""
        return (self.seconds_used + self._session_seconds) / 3600

    def _set_status(self, view: TrialState, status: Status, at: float) -> None:
        self.statuses[view.status] -= 1
        self.statuses[status] += 1
        view.status = status
        view.ended_at = at


def _without_numbers(error: str | None) -> str:
    """Return an error without its numbers: one mistake names another file or address in each trial."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", error or "unknown")
