"""The driver of a sweep: decides what to run, records what happened, and lets an engine execute.

An engine calls `next`, passes on the messages of each leg with `handle`, and ends a leg that can no longer answer
with `lost` or `interrupt`. Every event is durable before anything follows from it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any

from runners.core.events import ClockRead, EpochMeasured, Event, LegBegan, LegEnded, Outcome, Retried, SessionOpened
from runners.core.history import History
from runners.core.next_leg import Step, next_leg, plan_ahead
from runners.core.plan import Confirmation, Finished, Leg, Limits, Plan, Wait, outcome_of_error
from runners.core.stepper import advance
from runners.session.leg_task import leg_task
from runners.session.progress import Progress
from runners.session.stop_condition import StopCondition
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.evidence import check_journal, check_shards
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.ledger import Ledger
from runners.sweep_files.mirror import FLUSH_SECONDS
from runners.sweep_files.requests import Requests
from runners.sweep_files.stage_store import StageExchange, StageStore
from runners.sweep_files.tables import Store, empty_tables
from runners.sweep_files.weight_retention import Retention
from runners.worker.messages import EpochReport, LegFacts, LegMessage, LegResult, LegTask, LegWarning
from seatbelt.errors import UserError
from seatbelt.records.tables import Status
from seatbelt.storage.refusals import SESSION_SECONDS, RefusedError, at_most, wait_for_buckets
from seatbelt.text.redaction import safe_text

Observer = Callable[[Event, History], None]


class Driver:
    """One session of a sweep: its only writer.

    Attributes:
        folder: The sweep.
        plan: What decisions depend on besides the history.
        history: Everything that is recorded.
        progress: Shows the session to people.
        stop: Why the session ends early.
        finished: How the sweep ended; None until it does.
        unpublished: What a bucket did not take at the end, and why.
    """

    def __init__(  # noqa: PLR0913
        self,
        folder: SweepFolder,
        plan: Plan,
        progress: Progress,
        *,
        ledger: Ledger,
        store: Store,
        history: History,
        retention: Retention,
        stages: StageExchange | None,
        observe: Observer,
    ) -> None:
        """Hold the parts of a session; `Driver.open` makes them."""
        self.folder, self.plan, self.progress, self.history = folder, plan, progress, history
        self._ledger, self._store, self._retention, self._stages = ledger, store, retention, stages
        self._observe = observe
        self._requests = Requests(folder)
        self.stop = StopCondition(plan, history, folder, self._requests)
        self.finished: Finished | None = None
        self.unpublished: str | None = None
        self._opened = (time.time(), time.monotonic())
        self._nothing_ahead = False
        """True if the last `plan_ahead` found nothing and no event has arrived since."""
        self._ends_well = True
        """No exception ends the session, so that it may wait for a bucket that refuses for the moment."""

    @classmethod
    def open(  # noqa: PLR0913
        cls,
        folder: SweepFolder,
        description: SweepDescription,
        limits: Limits,
        progress: Progress,
        observe: Observer = lambda event, history: None,
        *,
        confirmation: Confirmation | None = None,
        stages: StageStore | None = None,
        publish_every: float = FLUSH_SECONDS,
        options: dict[str, Any] | None = None,
    ) -> Driver:
        """Become the writer of a sweep, read its ledger, and record that a session began.

        Args:
            folder: The sweep.
            description: Its description.
            limits: What the sweep may spend, earlier sessions included.
            progress: Shows the session to people.
            observe: Called with each new event, such as a TensorBoard writer.
            confirmation: Arms to confirm, in a session that does nothing else.
            stages: A store of pretraining stages that sweeps share.
            publish_every: Seconds between publications of a sweep in a bucket.
            options: Where and how the session runs, for a later one to repeat.

        Raises:
            SweepHeldError: Another live driver writes to the sweep.
            UserError: The journal is damaged.
        """
        plan = replace(description.plan(limits), confirmation=confirmation)
        wait_for_buckets(SESSION_SECONDS)
        folder.check_links()
        ledger, history = Ledger(folder, progress.note, publish_every=publish_every), History()
        fingerprint = "+".join(source.fingerprint for source in description.data)
        identity = description.identity
        driver = cls(
            folder,
            plan,
            progress,
            ledger=ledger,
            store=Store(folder, history, study=description.study, fingerprint=fingerprint, identity=identity),
            history=history,
            retention=Retention(folder, history, description.keep_weights),
            stages=StageExchange(stages, description, folder) if stages is not None else None,
            observe=observe,
        )
        try:
            driver._replay(identity)
        except UserError:
            ledger.close()
            raise
        folder.forget_stop()
        driver._record_now(_session_opened(description, limits, options or {}))
        driver._retention.tidy()
        driver._take_requests()
        driver._flush()
        progress.opened(plan, history)
        return driver

    def _replay(self, identity: str) -> None:
        """Read what earlier drivers recorded, and write it into the tables before anything new."""
        with as_recorded(self.folder):
            for event in self._ledger.history_events:
                self.history.apply(event)
                self._store.add(event)
            check_shards(self.folder, identity)
            check_journal(self.folder, self.history)
            self._flush()
        self._ledger.history_events.clear()

    def next(self) -> LegTask | Wait | Finished:
        """Return the next leg, recorded as started; `Finished` also ends a session that stops early."""
        if self.finished is not None:
            return self.finished
        if self.stop.poll():
            return Wait() if self.history.running else Finished(reason=self.stop.reason or "")
        if self.plan.hours is not None:
            self._record_now(ClockRead(at=0.0))
        step = advance(self._decide, self._record_now)
        if isinstance(step, Finished):
            self.finished = step
        return leg_task(step, self.plan, self.history, self.folder) if isinstance(step, Leg) else step

    def plan_ahead(self) -> None:
        """Decide what comes next while no slot is free, so that no slot waits for a slow strategy."""
        while not self._nothing_ahead and self.finished is None and not self.stop.poll():
            step = plan_ahead(self.plan, self.history)
            if step is None:
                self._nothing_ahead = True
            else:
                self._record_now(*step.events)

    def handle(self, task: LegTask, message: LegMessage, *, excused: bool = False) -> None:
        """Record a message of a leg.

        Args:
            task: The leg.
            message: Its message.
            excused: A fault that it reports says nothing about the trial.
        """
        key, attempt = task.trial_key, task.attempt
        if isinstance(message, LegFacts):
            self._record_now(LegBegan(trial_key=key, attempt=attempt, facts=message.facts, at=0.0))
        elif isinstance(message, LegWarning):
            self.progress.warn(message.text)
        elif isinstance(message, EpochReport) and self.history.is_new_epoch(key, message.epoch):
            score, metrics, epoch = message.metrics["selection_iou"], message.metrics, message.epoch
            self._record_now(
                EpochMeasured(trial_key=key, attempt=attempt, epoch=epoch, score=score, metrics=metrics, at=0.0)
            )
        elif isinstance(message, LegResult):
            self._end(task, self._outcome(task, message, excused=excused), message)
        self._flush_if_due()

    def lost(self, task: LegTask, reason: str, *, excused: bool = False) -> None:
        """Record that a leg's worker died; an excused loss says nothing about the trial."""
        view = self.history.trials[task.trial_key]
        outcome = outcome_of_error(self.plan, view, "lost", excused=excused)
        self._end(task, outcome, error=f"the worker was lost: {reason}")

    def interrupt(self, task: LegTask, reason: str | None = None) -> None:
        """Record that a leg ended because the sweep stops, or for another reason outside of it."""
        self._end(task, "interrupted", error=reason)

    def retry(self, statuses: tuple[str, ...]) -> None:
        """Let trials that ended with one of these statuses be tried again."""
        keys = [view.key for view in self.history.by_number if view.status in statuses]
        self._record_now(*(Retried(trial_key=key, at=0.0) for key in keys))

    def tick(self) -> None:
        """Do what is due: read requests, write tables, publish, refresh the progress.

        Raises:
            OSError: Files of the sweep were removed.
            SweepHeldError: Another driver writes to the sweep.
        """
        if self._requests.is_time("ownership"):
            self._ledger.check_ownership()
        self._take_requests()
        self._flush_if_due()
        if self._requests.is_time("tidying"):
            self._retention.catch_up()
        if self._ledger.mirror is not None:
            self._ledger.mirror.push_if_due(self._flush)
        self.progress.tick(self.history)

    def close(self) -> None:
        """Write and publish everything, and release the sweep."""
        try:
            self._share_stages()
            if self._ledger.is_lost:
                self.progress.hide()
                return
            self._flush()
            if self._ledger.mirror is not None:
                self.unpublished = self._ledger.mirror.push_last(patient=self._ends_well and not self.stop.is_failure)
            why, sweep = self.stop.reason, self.folder.name
            self.progress.closed(self.plan, self.history, self.finished, why, sweep, unpublished=self.unpublished)
            # A request that stays is forgotten by the next driver.
            with contextlib.suppress(RefusedError), at_most(0):
                self.folder.forget_stop()
        finally:
            self._ledger.close()

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._ends_well = error is None
            self.close()
        except (OSError, UserError) as later:
            if error is None:
                raise
            # The first error is what ends the session.
            self.progress.warn(str(later))

    def _share_stages(self) -> None:
        if self._stages is None:
            return
        try:
            self._stages.close(self.history)
        except RefusedError as error:
            self.progress.warn(f"stages were not shared ({error}); the next session of this sweep shares them")

    def _flush_if_due(self) -> None:
        if self._store.is_due:
            self._flush()

    def _flush(self) -> None:
        """Write the tables; what cannot be written now is written later, from the ledger at the latest."""
        try:
            empty_tables(self.folder, self._store.identity)
            self._store.flush()
        except OSError as error:
            self.progress.warn(f"the tables could not be written ({error}); they follow when that is mended")

    def _take_requests(self) -> None:
        for event in self._requests.test_reads():
            self._record(event)

    def _decide(self) -> Step:
        if self._stages is not None:
            # Do not start a stage that the shared store has, or that another sweep is training.
            self._record_now(*self._stages.news(self.history))
        return next_leg(self.plan, self.history)

    def _record_now(self, *events: Event) -> None:
        now = self._now()
        self._record(*(replace(event, at=now) for event in events))

    def _now(self) -> float:
        """Return the time of an event; a clock that is set during a session moves nothing."""
        clock, since = self._opened
        return clock + time.monotonic() - since

    def _record(self, *events: Event) -> None:
        if not events:
            return
        self._ledger.append(*events)
        self._nothing_ahead = False
        for event in events:
            self.history.apply(event)
            self._store.add(event)
            self.progress.event(event, self.history)
            self._observe(event, self.history)

    def _outcome(self, task: LegTask, result: LegResult, *, excused: bool) -> Outcome:
        if result.outcome not in ("fault", "error"):
            return result.outcome
        view = self.history.trials[task.trial_key]
        return outcome_of_error(self.plan, view, result.outcome, final=result.final, excused=excused)

    def _end(
        self, task: LegTask, outcome: Outcome, result: LegResult | None = None, *, error: str | None = None
    ) -> None:
        view = self.history.trials[task.trial_key]
        error = error if result is None else result.error
        self._record_now(
            LegEnded(
                trial_key=task.trial_key,
                attempt=task.attempt,
                outcome=outcome,
                epoch=view.epochs_done if result is None or result.epoch is None else result.epoch,
                error=safe_text(error) if error else error,
                test=result.test if result else None,
                images=result.images if result else [],
                at=0.0,
            )
        )
        if view.status is Status.COMPLETE:
            self._retention.completed(view)
        self._flush_if_due()


def _session_opened(description: SweepDescription, limits: Limits, options: dict[str, Any]) -> SessionOpened:
    return SessionOpened(
        session=secrets.token_hex(4),
        host=socket.gethostname(),
        pid=os.getpid(),
        limits=asdict(limits),
        at=0.0,
        arms=description.arms_hash(),
        sweep=description.identity,
        options=options,
    )
