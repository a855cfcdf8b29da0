"""Simulated workers that answer the decision core in any order."""

from __future__ import annotations

import random
from collections.abc import Callable

from runners.core.events import EpochMeasured, Event, LegEnded, SessionOpened
from runners.core.history import History
from runners.core.next_leg import Step, next_leg, plan_ahead
from runners.core.plan import Finished, Leg, Plan, Wait, outcome_of_error
from runners.core.stepper import advance
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import trial_key


class Cluster:
    """Workers of a simulated cluster: each call of `step` makes one random thing happen."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        slots: int = 3,
        faults: float = 0.0,
        test: Callable[[str], float] | None = None,
    ) -> None:
        self.test = test
        self.plan, self.random, self.slots, self.faults = plan, random.Random(seed), slots, faults
        self.history = History()
        self.events: list[Event] = []
        self.legs: dict[str, tuple[Leg, int]] = {}
        self.finished: Finished | None = None
        self.clock = 0.0
        self.record(SessionOpened(session="s", host="h", pid=1, limits={}, at=0.0))

    def record(self, *events: Event) -> None:
        for event in events:
            self.clock += 1
            self.events.append(event)
            self.history.apply(event)

    def ask(self) -> Leg | Wait | Finished:
        step = advance(self.decide, self.record)
        if isinstance(step, Leg):
            self.legs[step.trial_key] = (step, step.start)
        elif isinstance(step, Finished):
            self.finished = step
        return step

    def decide(self) -> Step:
        step = next_leg(self.plan, self.history)
        if isinstance(step, Leg):
            assert step.trial_key not in self.history.running, "a leg for a trial that runs"
            assert step.stop > step.start or self.history.trials[step.trial_key].epochs_done == step.stop
        return step

    def work(self) -> None:
        """One running trial, chosen at random, measures an epoch, ends its leg, or fails."""
        key = self.random.choice(sorted(self.legs))
        leg, epoch = self.legs[key]
        if self.random.random() < self.faults:
            return self.fail(leg)
        if epoch < leg.stop:
            score = self.score(leg.config, epoch + 1)
            self.record(
                EpochMeasured(
                    trial_key=key,
                    attempt=leg.attempt,
                    epoch=epoch + 1,
                    score=score,
                    metrics={},
                    at=self.clock,
                )
            )
            self.legs[key] = (leg, epoch + 1)
            return None
        stage = self.history.trials[key].role == "stage"
        outcome = "complete" if leg.stop == (leg.config.epochs if stage else self.plan.epochs) else "paused"
        test = {"iou": self.test(key) if self.test else 0.0} if outcome == "complete" else None
        self.record(
            LegEnded(trial_key=key, attempt=leg.attempt, outcome=outcome, epoch=epoch, at=self.clock, test=test)
        )
        del self.legs[key]
        return None

    def fail(self, leg: Leg) -> None:
        kind = self.random.choice(["interrupted", "lost", "error", "out_of_memory", "diverged"])
        view = self.history.trials[leg.trial_key]
        if kind in ("lost", "error"):
            kind = outcome_of_error(self.plan, view, "lost" if kind == "lost" else "error")
        self.record(
            LegEnded(
                trial_key=leg.trial_key,
                attempt=leg.attempt,
                outcome=kind,
                epoch=view.epochs_done,
                at=self.clock,
            )
        )
        del self.legs[leg.trial_key]

    def crash(self) -> None:
        """The driver is killed: running legs are gone, and a new one reads the ledger."""
        self.legs.clear()
        self.history = History(self.events)
        self.record(SessionOpened(session="s", host="h", pid=1, limits={}, at=self.clock))

    @staticmethod
    def score(config: TrialConfig, epoch: int) -> float:
        quality = random.Random(trial_key(config)).random()
        return quality * (1 - 0.8**epoch)

    def run(self, most: int = 100_000) -> None:
        for _ in range(most):
            if self.finished is not None:
                return
            if len(self.legs) < self.slots and self.random.random() < 0.7:
                step = self.ask()
                if not isinstance(step, Wait):
                    continue
            if len(self.legs) == self.slots and (ahead := plan_ahead(self.plan, self.history)) is not None:
                self.record(*ahead.events)
            if self.legs:
                self.work()
        raise AssertionError("the sweep does not end")
