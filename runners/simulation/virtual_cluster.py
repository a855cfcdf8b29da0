"""A cluster in virtual time that runs the legs of the decision core."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace

from runners.core.events import EpochMeasured, Event, LegEnded, Outcome, SessionOpened
from runners.core.history import History
from runners.core.next_leg import next_leg, plan_ahead
from runners.core.plan import Finished, Leg, Plan, outcome_of_error
from runners.core.stepper import advance
from runners.simulation.workers import Training, VirtualWorkers
from runners.simulation.world import World
from seatbelt.errors import UserError

_HOUR = 3600.0


class VirtualCluster(VirtualWorkers[Leg]):
    """Virtual workers that train the legs of a plan.

    Attributes:
        history: The history of the sweep.
        events: Its events, as in a ledger.
        spent: Cost of all epochs that were trained, in epochs of the average arm.
        now: Hours since the start.
        finished: How the sweep ended; None until it does.
    """

    def __init__(
        self, plan: Plan, world: World, *, workers: int, seed: int, failures: float = 0.0, stragglers: float = 0.0
    ) -> None:
        """Begin a sweep.

        Args:
            plan: The plan of the sweep.
            world: The world.
            workers: Legs at a time.
            seed: Seed of failures and stragglers.
            failures: Probability that a worker is lost during an epoch.
            stragglers: Probability that a leg takes three times as long.
        """
        super().__init__(world, workers=workers, seed=seed, failures=failures, stragglers=stragglers)
        self.plan = plan
        self.history = History()
        self.events: list[Event] = []
        self.finished: Finished | None = None
        self._record(SessionOpened(session="s", host="virtual", pid=1, limits={}, at=0.0))

    def run(self, budget: float = math.inf, watch: Callable[[], None] = lambda: None) -> None:
        """Run until the sweep is finished or the budget is spent (see VirtualWorkers)."""
        super().run(budget, watch)
        if not self.busy and self.finished is None:
            raise UserError("the simulated sweep waits for an event that never comes")

    def _fill(self) -> None:
        while self.busy < self.workers and self.finished is None:
            step = advance(functools.partial(next_leg, self.plan, self.history), self._record)
            if isinstance(step, Leg):
                planned = self.history.trials[step.trial_key].plan
                self._begin(step, planned.cell, planned.replicate, epoch=step.start + 1)
            elif isinstance(step, Finished):
                self.finished = step
            else:
                return
        while self.finished is None and (ahead := plan_ahead(self.plan, self.history)) is not None:
            self._record(*ahead.events)

    def _measured(self, training: Training[Leg], epoch: int) -> bool:
        leg = training.task
        self._record(
            EpochMeasured(
                trial_key=leg.trial_key,
                attempt=leg.attempt,
                epoch=epoch,
                score=float(training.curve[epoch - 1]),
                metrics={"train_seconds": training.cost * _HOUR},
                at=0.0,
            )
        )
        return epoch < leg.stop

    def _ended(self, task: Leg, epoch: int) -> None:
        outcome: Outcome = "complete" if epoch == self.plan.epochs else "paused"
        self._record(LegEnded(trial_key=task.trial_key, attempt=task.attempt, outcome=outcome, epoch=epoch, at=0.0))

    def _lost(self, task: Leg) -> None:
        view = self.history.trials[task.trial_key]
        outcome = outcome_of_error(self.plan, view, "lost")
        self._record(
            LegEnded(
                trial_key=task.trial_key,
                attempt=task.attempt,
                outcome=outcome,
                epoch=view.epochs_done,
                at=0.0,
                error="the worker was lost",
            )
        )

    def _record(self, *events: Event) -> None:
        for event in events:
            event = replace(event, at=self.now * _HOUR)
            self.events.append(event)
            self.history.apply(event)
