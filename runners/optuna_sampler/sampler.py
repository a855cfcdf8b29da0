"""The factorial surrogate as a sampler for any Optuna study.

docs/optuna-sampler.md explains its purpose, its cost, and when it does not help.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from analysis.statistics.factorial import Scales
from analysis.statistics.factorial.scales import expected_scales
from runners.core.candidates import CandidateSpace, Row
from runners.core.strategies.observations import GROWTH, LEARN_FROM, Observations, estimate_scales
from runners.core.strategies.one_thread import one_thread
from runners.core.strategies.surrogate import START, Surrogate, first_cells
from runners.optuna_sampler.measures import Measure, measure_of
from runners.optuna_sampler.spaces import candidates_of_distributions, cell_of, params_of
from search_spaces.space import Cell

_PROPOSED_CELL = "factorial:cell"
"""Attribute of a trial that holds its proposed cell, which storages know only once the objective asks for it."""
_MOST_CHARACTERS = 2045
"""Longest value of an attribute in Optuna's storages."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_DRAWN = 200

_turn = threading.Lock()
"""One suggestion at a time, because the number of threads for linear algebra belongs to the whole process."""


class FactorialSampler(BaseSampler):
    """Proposes by a hierarchical model of main effects and pairwise interactions.

    It supports one objective, minimised or maximised; categorical, float and integer parameters; and pruned trials with
    the steps that they reached. A suggestion depends only on the seed, the number of the trial and the trials of the
    study: another sampler of the same seed continues a stored study identically.
    """

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = START, replicates: int = 1) -> None:
        """Make a sampler.

        Args:
            seed: Seed; None draws one.
            n_startup_trials: Trials of the balanced start, before the model suggests anything.
            replicates: Trials of the same parameters, more than one for noisy values.

        Raises:
            ValueError: A number is out of range.
        """
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be at least 0, but is {seed}")
        if n_startup_trials < 1:
            raise ValueError(f"n_startup_trials must be at least 1, but is {n_startup_trials}")
        if replicates < 1:
            raise ValueError(f"replicates must be at least 1, but is {replicates}")
        self._seed = int(np.random.SeedSequence(seed).entropy)  # type: ignore[arg-type]
        self._start, self._replicates = n_startup_trials, replicates
        self._space = IntersectionSearchSpace(include_pruned=True)
        self._tried: _Tried | None = None
        self._estimates: _Estimates | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state of a copy, which estimates the scales again from the study."""
        return self.__dict__ | {"_tried": None, "_learned": None}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all finished trials share; others are drawn at random."""
        self._raise_error_if_multi_objective(study)
        with _turn:
            parameters = self._space.calculate(study)
        return {name: parameters[name] for name in sorted(parameters) if not parameters[name].single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the proposed parameters; none if all cells were tried, so that they are drawn at random."""
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with _turn:
            row = self._suggest(study, trial, search_space)
            if row is None:
                return {}
            assert self._tried is not None
            cell = self._tried.space.cell(row)
            written = json.dumps(cell)
            if len(written) <= _MOST_CHARACTERS:
                study._storage.set_trial_system_attr(trial._trial_id, _PROPOSED_CELL, written)
        return params_of(search_space, cell)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401  (a choice may be anything)
        """Return a random value of a parameter that not all trials share."""
        self._raise_error_if_multi_objective(study)
        (seed,) = np.random.SeedSequence([self._seed, trial.number, zlib.crc32(param_name.encode())]).generate_state(1)
        return RandomSampler(seed=int(seed)).sample_independent(study, trial, param_name, param_distribution)

    @one_thread
    def _suggest(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> Row | None:
        if self._tried is None or self._tried.search_space != search_space:
            self._tried, self._estimates = _Tried(search_space), None
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        tried = self._tried.of(others)
        learning_trials = _trials_to_learn_from(tried)
        if self._estimates is None or self._estimates.trials != learning_trials:
            sign = -1.0 if study.direction is StudyDirection.MINIMIZE else 1.0
            self._estimates = _estimate(self._tried.space, tried, learning_trials, sign)
        observations = _observations(self._tried.space, tried, self._estimates.measure, self._replicates)
        random = np.random.default_rng([self._seed, trial.number, 9])
        suggestion = first_cells(observations, random, self._start)
        if suggestion is None and self._estimates.scales is not None:
            suggestion = Surrogate.of(observations, self._estimates.scales).suggest(random, probes=False)
        if suggestion is not None:
            return suggestion.row
        return next((row for row in observations.space.random(random, _DRAWN) if row not in observations.closed), None)


@dataclass(frozen=True)
class _Trial:
    """A trial and its cell."""

    trial: FrozenTrial
    cell: Cell
    row: Row


class _Tried:
    """The trials of a search space, with their cells."""

    def __init__(self, search_space: dict[str, BaseDistribution]) -> None:
        self.search_space = search_space
        self.space = candidates_of_distributions(search_space)
        self._finished: dict[int, _Trial | None] = {}

    def of(self, trials: Sequence[FrozenTrial]) -> list[_Trial]:
        """Return the trials with all parameters; trials that run or failed early count with their proposed cell."""
        return [each for trial in trials if (each := self._one(trial)) is not None]

    def _one(self, trial: FrozenTrial) -> _Trial | None:
        if trial.number in self._finished:
            return self._finished[trial.number]
        cell = cell_of(self.search_space, trial)
        if cell is None:
            proposed = json.loads(trial.system_attrs.get(_PROPOSED_CELL, "{}"))
            cell = proposed if proposed.keys() == self.search_space.keys() else None
        trial_of_space = None if cell is None else _Trial(trial, cell, self.space.row(cell))
        if trial.state.is_finished():
            self._finished[trial.number] = trial_of_space
        return trial_of_space


@dataclass(frozen=True, kw_only=True)
class _Estimates:
    """Estimates from the trials that finished first; None while no trial is complete."""

    trials: int
    measure: Measure | None
    scales: Scales | None


def _trials_to_learn_from(tried: Sequence[_Trial]) -> int:
    """Return the number of finished trials for the estimates: all of the first few, then 25 % more each time."""
    count = sum(each.trial.state in _FINISHED for each in tried)
    learned = min(count, LEARN_FROM)
    while (following := max(learned + 1, int(GROWTH * learned))) <= count:
        learned = following
    return learned


def _estimate(space: CandidateSpace, tried: Sequence[_Trial], count: int, sign: float) -> _Estimates:
    finished = sorted((each for each in tried if each.trial.state in _FINISHED), key=_finishing)[:count]
    measure = measure_of([each.trial for each in finished], sign, space.bases)
    if measure is None:
        return _Estimates(trials=count, measure=None, scales=None)
    if count < LEARN_FROM:
        scales = expected_scales(len(space.names), measure.epochs)
    else:
        scales = estimate_scales(_observations(space, finished, measure, 1), None)
    return _Estimates(trials=count, measure=measure, scales=scales)


def _finishing(each: _Trial) -> tuple[float, int]:
    ended = each.trial.datetime_complete
    return (0.0 if ended is None else ended.timestamp(), each.trial.number)


def _observations(
    space: CandidateSpace, tried: Sequence[_Trial], measure: Measure | None, replicates: int
) -> Observations:
    states = [each.trial.state for each in tried]
    scores = np.full((len(tried), 1), np.nan) if measure is None else measure.scores([each.trial for each in tried])
    measured = np.flatnonzero(~np.isnan(scores).all(axis=1)).tolist()
    counts = Counter(each.row for each in tried)
    failed = {each.row for each in tried if each.trial.state is TrialState.FAIL}
    return Observations(
        space=space,
        epochs=(1,) if measure is None else measure.epochs,
        cells=[tried[i].cell for i in measured],
        scores=scores[measured],
        replicates=[0] * len(measured),
        rows=[tried[i].row for i in measured],
        tried=[each.row for each in tried],
        running=[each.row for each, state in zip(tried, states, strict=True) if not state.is_finished()],
        closed=failed | {row for row, count in counts.items() if count >= replicates},
    )
