"""Workers in virtual time; a subclass decides what they train and what a score means."""

from __future__ import annotations

import abc
import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from runners.simulation.world import Floats, World
from search_spaces.space import Cell

Task = TypeVar("Task")


@dataclass(frozen=True, kw_only=True)
class Training(Generic[Task]):
    """A training on a worker.

    Attributes:
        task: The task of the subclass.
        curve: Scores of its epochs, IoU.
        cost: Cost of an epoch.
        slowness: Factor on the duration of an epoch.
    """

    task: Task
    curve: Floats
    cost: float
    slowness: float


class VirtualWorkers(abc.ABC, Generic[Task]):
    """Workers that train in virtual time; one epoch of the average arm takes an hour.

    Attributes:
        spent: Cost of all epochs that were trained, in epochs of the average arm.
        now: Hours since the start.
        epochs: Number of epochs that were trained.
        trials: Number of trials that were begun.
    """

    def __init__(self, world: World, *, workers: int, seed: int, failures: float, stragglers: float) -> None:
        """Begin without trainings.

        Args:
            world: The world.
            workers: Trainings at a time.
            seed: Seed of failures and stragglers.
            failures: Probability that a worker is lost during an epoch.
            stragglers: Probability that a training takes three times as long.
        """
        self.world, self.workers = world, workers
        self.failures, self.stragglers = failures, stragglers
        self.spent, self.now = 0.0, 0.0
        self.epochs, self.trials = 0, 0
        self._random = np.random.default_rng([seed, 11])
        self._heap: list[tuple[float, int, Training[Task], int]] = []
        self._order = itertools.count()

    def run(self, budget: float = math.inf, watch: Callable[[], None] = lambda: None) -> None:
        """Run until nothing is left or the budget is spent.

        Args:
            budget: Epochs of the average arm.
            watch: Called after each epoch.
        """
        self._fill()
        while self._heap and self.spent < budget:
            self.now, _, training, epoch = heapq.heappop(self._heap)
            if self._random.random() < self.failures:
                self._lost(training.task)
            else:
                self.spent += training.cost
                self.epochs += 1
                continues = self._measured(training, epoch)
                watch()
                if continues:
                    self._train(training, epoch + 1)
                    continue
                self._ended(training.task, epoch)
            self._fill()

    @property
    def busy(self) -> int:
        """Number of busy workers."""
        return len(self._heap)

    def _begin(self, task: Task, cell: Cell, replicate: int, epoch: int) -> None:
        """Train a replicate of a cell from an epoch on."""
        self.trials += epoch == 1
        slowness = 3.0 if self._random.random() < self.stragglers else 1.0
        curve, cost = self.world.curve(cell, replicate), self.world.cost(cell)
        self._train(Training(task=task, curve=curve, cost=cost, slowness=slowness), epoch)

    def _train(self, training: Training[Task], epoch: int) -> None:
        at = self.now + training.slowness * training.cost
        heapq.heappush(self._heap, (at, next(self._order), training, epoch))

    @abc.abstractmethod
    def _fill(self) -> None:
        """Begin trainings until no worker is free or nothing is due."""

    @abc.abstractmethod
    def _measured(self, training: Training[Task], epoch: int) -> bool:
        """Record the score of an epoch, and return whether the training continues."""

    @abc.abstractmethod
    def _ended(self, task: Task, epoch: int) -> None:
        """Record that a training ended as decided."""

    @abc.abstractmethod
    def _lost(self, task: Task) -> None:
        """Record that the worker of a training was lost."""
