"""Other tools as peers of our strategies in the same worlds: what a user would choose instead.

Samplers, pruners and schedulers are those of the installed Optuna and Syne Tune. Ray Tune is emulated, because it runs
only on its own clock: `python -m tests.benchmarks.ray_replay` compares every decision with a run of the real one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from runners.core.strategies.optuna_proposals import cell_of, distributions_of, params_of
from runners.simulation.peers.base import Peer
from runners.simulation.peers.stock import CurvePool
from runners.simulation.peers.stopping import StoppingHalving
from runners.simulation.peers.syne_tune import SyneTune
from runners.simulation.world import World
from search_spaces.space import Cell


class RayTune:
    """Ray Tune's usual pair, OptunaSearch and ASHAScheduler with their defaults, and its best result.

    As in `ray.tune`, Optuna sees a trial that ASHA stops as complete, with its last score; the best result is the best
    last score, however early the trial stopped; the searcher proposes one trial ahead.
    """

    ahead = 1

    def __init__(self, world: World, seed: int) -> None:
        self._study = _Study(world, seed)
        self._halving = StoppingHalving(world.base.epochs)
        self._last: dict[int, float] = {}

    def suggest(self) -> tuple[int, Cell] | None:
        return self._study.suggest()

    def report(self, number: int, epoch: int, score: float) -> bool:
        self._last[number] = score
        continues = self._halving.continues(number, epoch, score)
        if continues:
            self._study.trials[number].report(score, epoch)
        return continues

    def ended(self, number: int, failed: bool) -> None:
        if failed:
            self._study.tell(number, "FAIL")
        elif not math.isnan(self._last[number]):
            # Optuna refuses NaN, and Ray leaves such a trial open.
            self._study.tell(number, "COMPLETE", self._last[number])

    def recommend(self) -> Cell | None:
        return self._study.best_of(self._last)


class Pruned:
    """Optuna's TPE with one of its pruners, used as in its tutorials."""

    ahead = 0

    def __init__(self, world: World, seed: int, pruner: Any) -> None:  # noqa: ANN401  (optuna is imported late)
        self._study = _Study(world, seed, pruner)
        self._epochs = world.base.epochs
        self._last: dict[int, float] = {}
        self._highest: dict[int, float] = {}
        self._complete: dict[int, float] = {}
        self._stopped: set[int] = set()

    def suggest(self) -> tuple[int, Cell] | None:
        return self._study.suggest()

    def report(self, number: int, epoch: int, score: float) -> bool:
        trial = self._study.trials[number]
        trial.report(score, epoch)
        self._last[number] = score
        self._highest[number] = max(score, self._highest.get(number, -math.inf))
        # The loops of the tutorials ask the pruner after the last epoch as well.
        if trial.should_prune():
            self._stopped.add(number)
        return number not in self._stopped and epoch < self._epochs

    def ended(self, number: int, failed: bool) -> None:
        if failed or (number not in self._stopped and math.isnan(self._last[number])):
            self._study.tell(number, "FAIL")
        elif number in self._stopped:
            self._study.tell(number, "PRUNED")
        else:
            self._complete[number] = self._last[number]
            self._study.tell(number, "COMPLETE", self._last[number])

    def recommend(self) -> Cell | None:
        return self._study.best_of(self._complete or self._highest)


class _Study:
    """An Optuna study in memory over the cells of a world."""

    def __init__(self, world: World, seed: int, pruner: Any = None) -> None:  # noqa: ANN401  (optuna is imported late)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(
            direction="maximize",
            sampler=sampler,
            pruner=pruner or optuna.pruners.NopPruner(),
            # HyperbandPruner draws a trial's bracket from the name, which is random by default.
            study_name=f"{world.name} {seed}",
        )
        self._space, self._distributions = world.space, distributions_of(world.space)
        self._stock = CurvePool(world, seed)
        self.trials: dict[int, Any] = {}
        self._cells: dict[int, Cell] = {}

    def suggest(self) -> tuple[int, Cell] | None:
        """Return the next trial; None if nothing is left."""
        trial = self._study.ask(self._distributions)
        proposed = cell_of(self._space, trial.params)
        cell = self._stock.take(proposed)
        if cell != proposed:
            self._tell(trial, "FAIL", None)
            if cell is None:
                return None
            self._study.enqueue_trial(params_of(self._space, cell))
            trial = self._study.ask(self._distributions)
        self.trials[trial.number], self._cells[trial.number] = trial, cell
        return trial.number, cell

    def tell(self, number: int, state: str, score: float | None = None) -> None:
        """End a trial in one of Optuna's states."""
        self._tell(self.trials[number], state, score)

    def best_of(self, scores: dict[int, float]) -> Cell | None:
        """Return the cell with the highest finite score, the earliest one of equals."""
        values = {number: score for number, score in sorted(scores.items()) if math.isfinite(score)}
        return self._cells[max(values, key=lambda number: values[number])] if values else None

    def _tell(self, trial: Any, state: str, score: float | None) -> None:  # noqa: ANN401  (optuna is imported late)
        import optuna

        self._study.tell(trial, score, state=optuna.trial.TrialState[state])


def _median(world: World, seed: int) -> Peer:
    import optuna

    return Pruned(world, seed, optuna.pruners.MedianPruner())


def _hyperband(world: World, seed: int) -> Peer:
    import optuna

    return Pruned(world, seed, optuna.pruners.HyperbandPruner(max_resource=world.base.epochs))


def _halving(world: World, seed: int) -> Peer:
    import optuna

    return Pruned(world, seed, optuna.pruners.SuccessiveHalvingPruner())


PEERS: dict[str, Callable[[World, int], Peer]] = {
    "ray": RayTune,
    "optuna-median": _median,
    "optuna-hyperband": _hyperband,
    "optuna-sha": _halving,
    "syne-tune-asha": partial(SyneTune, kind="ASHA"),
    "syne-tune-bohb": partial(SyneTune, kind="BOHB"),
}
