"""Syne Tune as a peer: its own schedulers, driven as its `Tuner` drives them."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from runners.core.strategies.optuna_proposals import cell_of, params_of
from runners.simulation.peers.stock import CurvePool
from runners.simulation.world import World
from search_spaces.factors import Factor
from search_spaces.space import Cell
from seatbelt.errors import UserError

_METRIC, _TIME = "selection_iou", "epoch"


class SyneTune:
    """A scheduler of Syne Tune with its defaults (stopping from epoch 1, reduction factor 3), and its best result.

    Like `Tuner.best_config`, it recommends the highest score that any trial ever had. Draws of the package from NumPy's
    global generator use a separate state here.

    Raises:
        UserError: The package is not installed.
    """

    ahead = 0

    def __init__(self, world: World, seed: int, kind: Literal["ASHA", "BOHB"]) -> None:
        try:
            from syne_tune.optimizer import baselines
        except ImportError as error:
            raise UserError(
                f"syne-tune-{kind.lower()} needs Syne Tune, which is not installed ({error}): "
                "`pip install --constraint constraints.txt -e '.[peers]'` in the project's folder"
            ) from None
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        self._drawing = np.random.RandomState(seed).get_state()
        self._space, self._stock = world.space, CurvePool(world, seed)
        with self._seeded_drawing():
            self._scheduler = getattr(baselines, kind)(
                config_space={factor.name: _domain(factor) for factor in world.space.factors},
                metric=_METRIC,
                time_attr=_TIME,
                max_t=world.base.epochs,
                do_minimize=False,
                random_seed=seed,
            )
        self._trials: list[Any] = []
        self._cells: list[Cell] = []
        self._highest: dict[int, float] = {}

    def suggest(self) -> tuple[int, Cell] | None:
        from syne_tune.backend.trial_status import Trial

        number = len(self._trials)
        with self._seeded_drawing():
            suggestion = self._scheduler.suggest()
            cell = self._stock.take(cell_of(self._space, suggestion.config))
            if cell is None:
                return None
            trial = Trial(trial_id=number, config=params_of(self._space, cell), creation_time=datetime.now(UTC))
            self._scheduler.on_trial_add(trial)
        self._trials.append(trial)
        self._cells.append(cell)
        return number, cell

    def report(self, number: int, epoch: int, score: float) -> bool:
        if math.isfinite(score):
            self._highest[number] = max(score, self._highest.get(number, -math.inf))
        trial = self._trials[number]
        with self._seeded_drawing():
            decision = self._scheduler.on_trial_result(trial, {_METRIC: score, _TIME: epoch})
            if decision != "CONTINUE":
                self._scheduler.on_trial_remove(trial)
        return bool(decision == "CONTINUE")

    def ended(self, number: int, failed: bool) -> None:
        if failed:
            self._scheduler.on_trial_error(self._trials[number])

    def recommend(self) -> Cell | None:
        if not self._highest:
            return None
        return self._cells[max(sorted(self._highest), key=lambda number: self._highest[number])]

    @contextmanager
    def _seeded_drawing(self) -> Iterator[None]:
        others = np.random.get_state()
        np.random.set_state(self._drawing)
        try:
            with warnings.catch_warnings():
                # Its kernel densities divide by zero if all good cells share a level, and it continues.
                warnings.simplefilter("ignore")
                yield
        finally:
            self._drawing = np.random.get_state()
            np.random.set_state(others)


def _domain(factor: Factor) -> Any:  # noqa: ANN401  (the package has no types)
    from syne_tune import config_space

    if factor.range is None:
        return config_space.choice([level.label for level in factor.levels])
    return (config_space.loguniform if factor.range.log else config_space.uniform)(factor.range.low, factor.range.high)
