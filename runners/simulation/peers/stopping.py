"""Asynchronous successive halving by stopping, as Ray Tune's ASHAScheduler decides."""

from __future__ import annotations

import math

import numpy as np


class StoppingHalving:
    """Stops a trial that is not among the best of those that reached a milestone before it.

    Li et al., A System for Massively Parallel Hyperparameter Tuning (2020), in the variant of
    `ray.tune.schedulers.ASHAScheduler` with one bracket: a trial is compared once per milestone, only with
    earlier ones, and never waits.
    """

    def __init__(self, epochs: int, *, grace_period: int = 1, reduction_factor: float = 4) -> None:
        count = int(np.log(epochs / grace_period) / np.log(reduction_factor) + 1)
        self._epochs, self._share = epochs, 1 - 1 / reduction_factor
        self._milestones: list[tuple[float, dict[int, float]]] = [
            (grace_period * reduction_factor**k, {}) for k in reversed(range(count))
        ]

    def continues(self, number: int, epoch: int, score: float) -> bool:
        """Record a score, and return whether the trial continues.

        The score counts at the highest milestone that the trial has passed but not been recorded at.
        """
        if epoch >= self._epochs:
            return False
        for milestone, recorded in self._milestones:
            if epoch >= milestone and number not in recorded:
                earlier = [value for value in recorded.values() if not math.isnan(value)]
                recorded[number] = score
                return not (earlier and score < float(np.percentile(earlier, self._share * 100)))
        return True
