"""Ways to estimate the effects of a sweep, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.reading.design import Observed
from analysis.statistics.design_matrix import contrasts, design_matrix
from analysis.statistics.inverse_probability import fit_weighted
from analysis.statistics.mixed_model import MOST_TRIALS, main_effects, some_rows
from analysis.statistics.monotone_likelihood import Fit, estimable, fit
from seatbelt.errors import UserError

Floats = NDArray[np.float64]

Name = Literal["mixed", "likelihood", "weights", "naive"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Effects on the last score, as one estimator has them.

    Attributes:
        values: (c,) of `contrasts`; NaN where the trials do not tell.
        covariance: (c, c); None where there is too little for intervals.
        freedom: Degrees of freedom of the intervals.
        clusters: Independent pieces of evidence with a final score.
        kind: What they are: arms, or trials where arms are too few.
        rows: Rows of the trials that were read.
        gain: (c, n) how much the last score of each of them moves each value; None where it is not known.
    """

    values: Floats
    covariance: Floats | None
    freedom: float
    clusters: int
    kind: str
    rows: NDArray[np.intp]
    gain: Floats | None = None

    @property
    def evidence(self) -> str:
        """What the intervals are over, in words."""
        return f"{self.clusters} {self.kind}"


def default_estimator(found: Observed) -> Name:
    """Return the estimator that is taken unless another is asked for: the mixed model, where it can read all trials.

    Beyond that, trials are many enough for weights, which assume least of pruning.
    """
    if len(found.trials) <= MOST_TRIALS:
        return "mixed"
    return "weights" if found.pruned and found.trials["exempt"].any() else "likelihood"


def estimate(name: Name, found: Observed, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    """Estimate the effects on the last of several scores.

    Args:
        name: An estimator.
        found: The trials.
        scores: (n, K), NaN from the first score on that a trial did not reach.
        epochs: K epochs of the scores.

    Raises:
        UserError: The sweep has no exempt trials, which the weights need.
    """
    return _ESTIMATORS[name](found, scores, epochs)


def _mixed(found: Observed, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    rows = some_rows(found, MOST_TRIALS)
    part, scores = found.rows(rows), scores[rows]
    told = contrasts(found)
    complete = ~np.isnan(scores[:, -1])
    design = design_matrix(part, told)[complete]
    known = estimable(design)[-len(told) :]
    # Without trials beyond the main effects, luck would be what is expected before a sweep: nothing to trust.
    freedom = len(design) - int(np.linalg.matrix_rank(design))
    answer = main_effects(part, scores, epochs, told)
    return Estimate(
        values=np.where(known, answer.values, np.nan),
        covariance=answer.covariance if freedom > 0 else None,
        freedom=float(freedom),
        clusters=len(set(part.trials["arm_key"][complete])),
        kind="arms",
        rows=rows,
        gain=answer.gain,
    )


def _likelihood(found: Observed, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    return _least_squares(found, lambda design, clusters, beside: fit(design, scores, clusters, beside=beside))


def _weights(found: Observed, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    exempt = found.trials["exempt"].to_numpy(dtype=bool)
    if np.isnan(scores[:, -1]).any() and not exempt.any():
        raise UserError(
            "weights need trials that are exempt from pruning, and this sweep has none; take --estimator likelihood"
        )
    return _least_squares(
        found, lambda design, clusters, beside: fit_weighted(design, scores, exempt, clusters, beside=beside)
    )


def _naive(found: Observed, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    reached = ~np.isnan(scores)
    last = scores.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)
    values = scores[np.arange(len(last)), last][:, None]
    return _least_squares(found, lambda design, clusters, beside: fit(design, values, clusters, beside=beside))


_ESTIMATORS: dict[Name, Callable[[Observed, Floats, tuple[int, ...]], Estimate]] = {
    "mixed": _mixed,
    "likelihood": _likelihood,
    "weights": _weights,
    "naive": _naive,
}
assert set(_ESTIMATORS) == set(get_args(Name))


def _least_squares(found: Observed, solve: Callable[[Floats, list[str], int], Fit]) -> Estimate:
    """Take arms for independent where there are enough of them, else trials."""
    told = contrasts(found)
    design = design_matrix(found, told)
    beside = design.shape[1] - len(told)
    what, fitted = "arms", solve(design, list(found.trials["arm_key"]), beside)
    if fitted.covariance is None:
        what, fitted = "trials", solve(design, list(found.trials["trial_key"]), beside)
    return Estimate(
        values=fitted.coefficients[-len(told) :],
        covariance=None if fitted.covariance is None else fitted.covariance[-len(told) :, -len(told) :],
        freedom=float(fitted.freedom),
        clusters=fitted.clusters,
        kind=what,
        rows=np.arange(len(found.trials)),
    )
