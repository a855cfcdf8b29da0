"""A cluster in virtual time; a peer proposes its trials and stops them."""

from __future__ import annotations

from collections import Counter, deque

from runners.simulation.peers.base import Peer
from runners.simulation.peers.stock import cell_key
from runners.simulation.workers import Training, VirtualWorkers
from runners.simulation.world import World
from search_spaces.space import Cell


class PeerCluster(VirtualWorkers[int]):
    """Virtual workers that train what a peer proposes until it stops them.

    A trial that loses its worker has failed, as with Ray Tune's `max_failures=0` and Optuna's default.

    Attributes:
        spent: Cost of all epochs that were trained, in epochs of the average arm.
        now: Hours since the start.
    """

    def __init__(
        self, peer: Peer, world: World, *, workers: int, seed: int, failures: float = 0.0, stragglers: float = 0.0
    ) -> None:
        super().__init__(world, workers=workers, seed=seed, failures=failures, stragglers=stragglers)
        self.peer = peer
        self._waiting: deque[tuple[int, Cell]] = deque()
        self._taken: Counter[tuple[tuple[str, str], ...]] = Counter()

    def recommend(self) -> Cell | None:
        """Return the recommendation of the peer; None if nothing is measured."""
        return self.peer.recommend()

    def _fill(self) -> None:
        while self._request_trials() and self.busy < self.workers:
            number, cell = self._waiting.popleft()
            replicate = self._taken[cell_key(cell)]
            self._taken[cell_key(cell)] += 1
            self._begin(number, cell, replicate, epoch=1)

    def _request_trials(self) -> bool:
        """Request the trials that are due, and return whether one waits for a worker."""
        due = self.peer.ahead + (self.busy < self.workers)
        while len(self._waiting) < due and (suggested := self.peer.suggest()) is not None:
            self._waiting.append(suggested)
        return bool(self._waiting)

    def _measured(self, training: Training[int], epoch: int) -> bool:
        return self.peer.report(training.task, epoch, float(training.curve[epoch - 1]))

    def _ended(self, task: int, epoch: int) -> None:
        self.peer.ended(task, failed=False)

    def _lost(self, task: int) -> None:
        self.peer.ended(task, failed=True)
