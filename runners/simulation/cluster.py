"""A cluster in virtual time that runs the legs of the decision core."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

import numpy as np

from runners.decide import next_leg
from runners.events import EpochMeasured, Event, LegEnded, SessionOpened
from runners.history import History
from runners.plan import Finished, Leg, Plan, Record, Wait, outcome_of_error
from runners.simulation.world import Floats, World
from seatbelt.errors import UserError

_HOUR = 3600.0


class VirtualCluster:
    """Workers that train in virtual time; one epoch of the average arm takes an hour.

    Attributes:
        history: What was decided and measured.
        events: The same as the ledger would hold it.
        spent: Cost of all epochs that were trained, in epochs of the average arm.
        now: Hours since the start.
        finished: How the sweep ended, None while it goes on.
    """

    def __init__(
        self, plan: Plan, world: World, *, workers: int, seed: int, failures: float = 0.0, stragglers: float = 0.0
    ) -> None:
        """Begin a sweep.

        Args:
            plan: The sweep.
            world: Its curves.
            workers: Legs at a time.
            seed: Of failures and stragglers.
            failures: Probability that a worker is lost during an epoch.
            stragglers: Probability that a leg takes three times as long.
        """
        self.plan, self.world, self.workers = plan, world, workers
        self.failures, self.stragglers = failures, stragglers
        self.history = History()
        self.events: list[Event] = []
        self.spent, self.now = 0.0, 0.0
        self.finished: Finished | None = None
        self._random = np.random.default_rng([seed, 11])
        self._heap: list[tuple[float, int, Leg, int, float]] = []
        self._order = itertools.count()
        self._curves: dict[str, Floats] = {}
        self._costs: dict[str, float] = {}
        self._record(SessionOpened(session="s", host="virtual", pid=1, limits={}, at=0.0))

    def run(self, budget: float = math.inf, watch: Callable[[], None] = lambda: None) -> None:
        """Run until the sweep is finished or the budget is spent.

        Args:
            budget: Epochs of the average arm.
            watch: Called after each epoch.
        """
        self._fill()
        while self._heap and self.spent < budget:
            self.now, _, leg, epoch, slowness = heapq.heappop(self._heap)
            if self._random.random() < self.failures:
                self._lose(leg)
            else:
                self._measure(leg, epoch)
                watch()
                if epoch < leg.stop:
                    self._train(leg, epoch + 1, slowness)
                    continue
                self._end(leg, epoch)
            self._fill()
        if not self._heap and self.finished is None:
            raise UserError("the simulated sweep waits for something that never comes")

    def _fill(self) -> None:
        while len(self._heap) < self.workers and self.finished is None:
            step = next_leg(self.plan, self.history)
            while isinstance(step, Record):
                self._record(*step.events)
                step = next_leg(self.plan, self.history)
            if isinstance(step, Leg):
                self._record(*([step.planned] if step.planned else []), step.decided, step.started(self.now * _HOUR))
                slowness = 3.0 if self._random.random() < self.stragglers else 1.0
                self._train(step, step.start + 1, slowness)
            elif isinstance(step, Finished):
                self._record(*step.pruned)
                self.finished = step
            elif isinstance(step, Wait):
                return

    def _train(self, leg: Leg, epoch: int, slowness: float) -> None:
        key = leg.trial_key
        if key not in self._curves:
            planned = self.history.trials[key].plan
            self._curves[key] = self.world.curve(planned.cell, planned.replicate)
            self._costs[key] = self.world.cost(planned.cell)
        heapq.heappush(self._heap, (self.now + slowness * self._costs[key], next(self._order), leg, epoch, slowness))

    def _measure(self, leg: Leg, epoch: int) -> None:
        cost = self._costs[leg.trial_key]
        self.spent += cost
        score = float(self._curves[leg.trial_key][epoch - 1])
        self._record(
            EpochMeasured(
                trial_key=leg.trial_key,
                attempt=leg.attempt,
                epoch=epoch,
                score=score,
                metrics={"train_seconds": cost * _HOUR},
                at=self.now * _HOUR,
            )
        )

    def _end(self, leg: Leg, epoch: int) -> None:
        outcome = "complete" if epoch == self.plan.epochs else "paused"
        self._record(
            LegEnded(trial_key=leg.trial_key, attempt=leg.attempt, outcome=outcome, epoch=epoch, at=self.now * _HOUR)
        )

    def _lose(self, leg: Leg) -> None:
        view = self.history.trials[leg.trial_key]
        outcome = outcome_of_error(self.plan, view, "lost")
        self._record(
            LegEnded(
                trial_key=leg.trial_key,
                attempt=leg.attempt,
                outcome=outcome,
                epoch=view.epochs_done,
                at=self.now * _HOUR,
                error="the worker was lost",
            )
        )

    def _record(self, *events: Event) -> None:
        for event in events:
            self.events.append(event)
            self.history.apply(event)
