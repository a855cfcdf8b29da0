"""Asynchronous successive halving of the stopping kind, as Ray Tune's ASHAScheduler decides."""

from __future__ import annotations

import math

import numpy as np


class StoppingHalving:
    """Stops a trial that is not among the best of those that came to a milestone before it.

    Li et al., A System for Massively Parallel Hyperparameter Tuning (2020), in the variant of
    `ray.tune.schedulers.ASHAScheduler` with one bracket: a trial is compared once per milestone, with those before it
    only, and never waits for others.
    """

    def __init__(self, epochs: int, *, grace_period: int = 1, reduction_factor: float = 4) -> None:
        count = int(np.log(epochs / grace_period) / np.log(reduction_factor) + 1)
        self._epochs, self._share = epochs, 1 - 1 / reduction_factor
        self._milestones: list[tuple[float, dict[int, float]]] = [
            (grace_period * reduction_factor**k, {}) for k in reversed(range(count))
        ]

    def goes_on(self, number: int, epoch: int, score: float) -> bool:
        """Return whether a trial goes on, and keep its score.

        The score counts at the highest milestone that the trial has passed without being recorded there.
        """
        if epoch >= self._epochs:
            return False
        for milestone, recorded in self._milestones:
            if epoch >= milestone and number not in recorded:
                known = [value for value in recorded.values() if not math.isnan(value)]
                recorded[number] = score
                return not (known and score < float(np.percentile(known, self._share * 100)))
        return True
