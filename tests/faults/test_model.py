"""A driver against a dictionary: reports, flushes, crashes, resumptions and extensions in any order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runners.core.events import EpochMeasured
from runners.core.halving import default_rungs
from runners.core.plan import Finished, Limits
from runners.session.driver import Driver
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.worker.messages import EpochReport, LegResult, LegTask
from seatbelt.records.tables import FINAL, Status
from tests.runners.conftest import describe, ended_message, epoch_message, open_driver

CELLS, EPOCHS = 4, 4


class Sweep(RuleBasedStateMachine):
    """Up to three legs run at a time; every number that was handed to the driver is in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="seatbelt-model-"))
        self.folder = SweepFolder(self.root / "sweep")
        self.folder.create(describe(encoders=2, decoders=2, prune="asha", epochs=EPOCHS))
        self.limits = Limits(replicates=1)
        self.measured: dict[tuple[str, int], float] = {}
        self.tested: set[str] = set()
        self.running: dict[str, tuple[LegTask, int]] = {}
        self.driver: Driver | None = None
        self.flushed = 0

    @precondition(lambda self: self.driver is None)
    @rule(longer=st.booleans())
    def open(self, longer: bool) -> None:
        if longer:
            self.limits = replace(self.limits, replicates=min(3, self.limits.replicates + 1))
        self.driver = open_driver(self.folder, self.limits)
        assert {key: len(view.scores) for key, view in self.driver.history.trials.items() if view.scores} == {
            key: max(epoch for other, epoch in self.measured if other == key) for key, _ in self.measured
        }

    @precondition(lambda self: self.driver is not None and len(self.running) < 3)
    @rule()
    def ask(self) -> None:
        assert self.driver is not None
        step = self.driver.next()
        if isinstance(step, LegTask):
            assert step.trial_key not in self.running, "one trial runs twice"
            recorded = sum(key == step.trial_key for key, _ in self.measured)
            assert step.recorded_epochs == recorded
            assert step.stop <= EPOCHS
            self.running[step.trial_key] = (step, step.recorded_epochs)
        elif isinstance(step, Finished):
            self.nothing_is_left_to_do()

    def nothing_is_left_to_do(self) -> None:
        assert not self.running and self.driver is not None
        history = self.driver.history
        assert len(history.by_number) == CELLS * self.limits.replicates
        assert self.tested == {view.key for view in history.by_number if view.status is Status.COMPLETE}
        assert all(view.status in FINAL for view in history.by_number if view.exempt)
        rung = history.rungs[default_rungs(EPOCHS, 3)[0]]["plateau"]
        assert rung.promoted >= max(1, rung.reached // 3), "a third goes on, and one at least"

    @precondition(lambda self: bool(self.running))
    @rule(data=st.data(), score=st.floats(0, 1), repeated=st.booleans())
    def work(self, data: st.DataObject, score: float, repeated: bool) -> None:
        assert self.driver is not None
        key = data.draw(st.sampled_from(sorted(self.running)))
        if (again := self.advance(key, score)) is not None and repeated:
            # An epoch that is reported again, from a checkpoint, counts once.
            self.driver.handle(*again)

    def advance(self, key: str, score: float) -> tuple[LegTask, EpochReport] | None:
        """Report the next epoch of a leg, and return what was reported; None when the leg has ended."""
        assert self.driver is not None
        spec, epoch = self.running[key]
        if epoch < spec.stop:
            message = epoch_message(epoch + 1, score)
            self.driver.handle(spec, message)
            self.measured[key, epoch + 1] = score
            self.running[key] = (spec, epoch + 1)
            return spec, message
        complete = spec.stop == EPOCHS
        self.driver.handle(spec, ended_message("complete" if complete else "paused", epoch))
        if complete:
            self.tested.add(key)
        del self.running[key]
        return None

    @precondition(lambda self: bool(self.running))
    @rule(data=st.data(), how=st.sampled_from(["lost", "fault", "interrupt"]))
    def lose(self, data: st.DataObject, how: str) -> None:
        assert self.driver is not None
        key = data.draw(st.sampled_from(sorted(self.running)))
        spec, _ = self.running.pop(key)
        if how == "lost":
            self.driver.lost(spec, "the node went away")
        elif how == "interrupt":
            self.driver.interrupt(spec)
        else:
            self.driver.handle(spec, LegResult(outcome="fault", error="the disk is full"))

    @precondition(lambda self: self.driver is not None)
    @rule()
    def flush(self) -> None:
        assert self.driver is not None
        self.driver._flush()
        frame = pd.read_parquet(self.folder.root / "epochs")
        table = {(row.trial_key, row.epoch): row.selection_iou for row in frame.itertuples()}
        assert len(table) == len(frame), "an epoch is twice in the table"
        assert table == self.measured
        self.flushed = len(table)

    @precondition(lambda self: self.driver is not None)
    @rule(torn=st.integers(0, 300))
    def crash(self, torn: int) -> None:
        """Kill the process; the disk may hold the beginning of a line that was never acknowledged."""
        assert self.driver is not None
        ledger = self.driver._ledger
        assert ledger._file is not None
        ledger._file.close()
        ledger._lock.close()
        lines = self.folder.journal.read_bytes().splitlines()
        with self.folder.journal.open("ab") as file:
            file.write(lines[-1][:torn])
        self.driver = None
        self.running.clear()

    @precondition(lambda self: self.driver is not None)
    @rule()
    def close(self) -> None:
        assert self.driver is not None
        for spec, _ in self.running.values():
            self.driver.interrupt(spec)
        self.running.clear()
        self.driver.close()
        self.driver = None

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        events = [event for event in read_events(self.folder) if isinstance(event, EpochMeasured)]
        assert len(events) == len(self.measured)
        assert {(event.trial_key, event.epoch): event.score for event in events} == self.measured

    @invariant()
    def tables_never_shrink(self) -> None:
        if self.flushed:
            assert len(pd.read_parquet(self.folder.root / "epochs")) >= self.flushed

    def teardown(self) -> None:
        """Run the rest of the sweep undisturbed to its end."""
        if self.driver is None:
            self.open(longer=False)
        assert self.driver is not None
        while not isinstance(step := self.driver.next(), Finished):
            if isinstance(step, LegTask):
                self.running[step.trial_key] = (step, step.recorded_epochs)
            while self.running:
                self.advance(next(iter(self.running)), 0.5)
        self.nothing_is_left_to_do()
        self.nothing_is_lost_or_doubled()
        self.close()
        shutil.rmtree(self.root)


TestModel = pytest.mark.slow(Sweep.TestCase)
TestModel.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
