"""Ways to estimate the effects of a sweep, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.reading.design import Design
from analysis.statistics.design_matrix import contrasts_of, design_matrix
from analysis.statistics.inverse_probability import fit_weighted
from analysis.statistics.mixed_model import MOST_TRIALS, main_effects, sample_rows
from analysis.statistics.monotone_likelihood import Fit, estimable, fit
from seatbelt.errors import UserError

EstimatorName = Literal["mixed", "likelihood", "weights", "naive"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Effects on the last score by one estimator.

    Attributes:
        values: (c,) of `contrasts_of`; NaN where the trials cannot identify the effect.
        covariance: (c, c); None if there are too few trials for intervals.
        freedom: Degrees of freedom of the intervals.
        clusters: Number of independent clusters with a final score.
        kind: Kind of cluster: arms, or trials where there are too few arms.
        rows: Rows of the trials used.
        gain: (c, n) derivative of each value with respect to the last score of each trial used; None if not known.
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
        """What the intervals are over, such as `33 arms`."""
        return f"{self.clusters} {self.kind}"


def default_estimator(design: Design) -> EstimatorName:
    """Return the default estimator: the mixed model if it can use all trials.

    With more trials, weights are precise enough, and they assume least about pruning.
    """
    if len(design.trials) <= MOST_TRIALS:
        return "mixed"
    return "weights" if design.pruned and design.trials["exempt"].any() else "likelihood"


def estimate(name: EstimatorName, design: Design, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    """Estimate the effects on the last of several scores.

    Args:
        name: The estimator.
        design: The trials.
        scores: (n, K), NaN from the first score on that a trial did not reach.
        epochs: K epochs of the scores.

    Raises:
        UserError: The weights need exempt trials, and the sweep has none.
    """
    return _ESTIMATORS[name](design, scores, epochs)


def _mixed(design: Design, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    rows = sample_rows(design, MOST_TRIALS)
    sample, scores = design.subset(rows), scores[rows]
    contrasts = contrasts_of(design)
    complete = ~np.isnan(scores[:, -1])
    matrix = design_matrix(sample, contrasts)[complete]
    is_estimable = estimable(matrix)[-len(contrasts) :]
    # Without residual degrees of freedom the noise would only be its prior.
    freedom = len(matrix) - int(np.linalg.matrix_rank(matrix))
    effects = main_effects(sample, scores, epochs, contrasts)
    return Estimate(
        values=np.where(is_estimable, effects.values, np.nan),
        covariance=effects.covariance if freedom > 0 else None,
        freedom=float(freedom),
        clusters=len(set(sample.trials["arm_key"][complete])),
        kind="arms",
        rows=rows,
        gain=effects.gain,
    )


def _likelihood(design: Design, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    return _least_squares(design, lambda matrix, clusters, nuisance: fit(matrix, scores, clusters, nuisance=nuisance))


def _weights(design: Design, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    exempt = design.trials["exempt"].to_numpy(dtype=bool)
    if np.isnan(scores[:, -1]).any() and not exempt.any():
        raise UserError(
            "weights need trials that are exempt from pruning, and this sweep has none; take --estimator likelihood"
        )
    return _least_squares(
        design, lambda matrix, clusters, nuisance: fit_weighted(matrix, scores, exempt, clusters, nuisance=nuisance)
    )


def _naive(design: Design, scores: Floats, epochs: tuple[int, ...]) -> Estimate:
    reached = ~np.isnan(scores)
    last = scores.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)
    values = scores[np.arange(len(last)), last][:, None]
    return _least_squares(design, lambda matrix, clusters, nuisance: fit(matrix, values, clusters, nuisance=nuisance))


_ESTIMATORS: dict[EstimatorName, Callable[[Design, Floats, tuple[int, ...]], Estimate]] = {
    "mixed": _mixed,
    "likelihood": _likelihood,
    "weights": _weights,
    "naive": _naive,
}
assert set(_ESTIMATORS) == set(get_args(EstimatorName))


def _least_squares(design: Design, solve: Callable[[Floats, list[str], int], Fit]) -> Estimate:
    """Use arms as independent clusters if there are enough of them, else trials."""
    contrasts = contrasts_of(design)
    matrix = design_matrix(design, contrasts)
    nuisance = matrix.shape[1] - len(contrasts)
    clustered_by, fitted = "arms", solve(matrix, list(design.trials["arm_key"]), nuisance)
    if fitted.covariance is None:
        clustered_by, fitted = "trials", solve(matrix, list(design.trials["trial_key"]), nuisance)
    return Estimate(
        values=fitted.coefficients[-len(contrasts) :],
        covariance=None if fitted.covariance is None else fitted.covariance[-len(contrasts) :, -len(contrasts) :],
        freedom=float(fitted.freedom),
        clusters=fitted.clusters,
        kind=clustered_by,
        rows=np.arange(len(design.trials)),
    )
