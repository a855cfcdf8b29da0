"""Optuna's distributions as factors of the factorial model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from runners.core.candidates import STEPS, CandidateSpace
from search_spaces.space import Cell
from seatbelt.records.sweep import SweepFactor, SweepRange

_MOST_LEVELS = 4
"""Numbers with at most this many values become levels, because a range has as many columns."""


def candidates_of_distributions(distributions: Mapping[str, BaseDistribution]) -> CandidateSpace:
    """Return the candidates of some distributions, none of which has a single value.

    The choices of a categorical distribution become levels; numbers become ranges with some candidate values.
    """
    factors, labels = [], []
    for name, distribution in distributions.items():
        proposed = _labels(distribution)
        if isinstance(distribution, CategoricalDistribution) or len(proposed) <= _MOST_LEVELS:
            factors.append(SweepFactor(name=name, levels={label: {} for label in proposed}))
        else:
            low, high, log = distribution.low, distribution.high, distribution.log  # type: ignore[attr-defined]
            factors.append(SweepFactor(name=name, range=SweepRange(field=name, low=low, high=high, log=log)))
        labels.append(proposed)
    return CandidateSpace.of(factors, labels, lambda cell: False)


def cell_of(distributions: Mapping[str, BaseDistribution], trial: FrozenTrial) -> Cell | None:
    """Return the cell of a trial; None if it lacks a parameter or has other distributions."""
    if any(trial.distributions.get(name) != distribution for name, distribution in distributions.items()):
        return None
    return {
        name: _label(distribution, distribution.to_internal_repr(trial.params[name]))
        for name, distribution in distributions.items()
    }


def params_of(distributions: Mapping[str, BaseDistribution], cell: Cell) -> dict[str, Any]:
    """Return the parameters of a cell."""
    return {name: distribution.to_external_repr(float(cell[name])) for name, distribution in distributions.items()}


def _label(distribution: BaseDistribution, number: float) -> str:
    """Return the label of a number; one with a step is computed in one way only."""
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, step = distribution.low, distribution.step
        if step is not None:
            number = low + step * round((number - low) / step)
        number = min(distribution.high, max(low, number))
    return repr(float(number))


def _labels(distribution: BaseDistribution) -> list[str]:
    """Return what is proposed: each choice, or values of a range with both its ends."""
    if isinstance(distribution, CategoricalDistribution):
        return [_label(distribution, number) for number in range(len(distribution.choices))]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and (high - low) / step < STEPS:
        numbers = [low + i * step for i in range(round((high - low) / step) + 1)]
    elif distribution.log:
        numbers = [low, *np.geomspace(low, high, STEPS)[1:-1].tolist(), high]
    else:
        numbers = np.linspace(low, high, STEPS).tolist()
    return list(dict.fromkeys(_label(distribution, number) for number in numbers))
