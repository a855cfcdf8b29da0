"""The scales of the factorial model: standard deviations of effects, and correlations between the rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.reading.arrays import Floats

MAIN, PAIRS, ARM_RESIDUAL, NOISE = 0.012, 0.004, 0.004, 0.012
"""Prior standard deviations of final scores, IoU: of the coefficients of main effects and of interactions, of arm
residuals,
and of the noise of a trial."""
EARLY_NOISE = 0.03
"""Prior standard deviation of the additional noise of a score at the very beginning, IoU."""
RUNG_CORRELATION = 0.5
"""Prior correlation of effects at different rungs."""
_STRENGTHS = {"main": 1.0, "pairs": 4.0, "arm_residual": 4.0, "rung_correlation": 1.0, "noise": 4.0}
"""Weight of the prior, in coefficients (for noise: in trials)."""


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Standard deviations and correlations of effects and noise.

    Attributes:
        main: (F,) standard deviation of each factor's coefficients for final scores, IoU.
        pairs: Standard deviation of the coefficients of interactions for final scores, IoU.
        arm_residual: Standard deviation of what main effects and pairs leave of an arm's final score, IoU.
        rung_correlation: (K, K) correlation of main effects at the rungs; 1 for the last rung with itself.
        residual_rung_correlation: The same for interactions and arm residuals.
        noise: (K, K) covariance of a trial's noise at the rungs, IoU squared.
    """

    main: Floats
    pairs: float
    arm_residual: float
    rung_correlation: Floats
    residual_rung_correlation: Floats
    noise: Floats


def expected_scales(factors: int, epochs: Sequence[int]) -> Scales:
    """Return the prior expectation: small effects, and rungs that are correlated with the end.

    Args:
        factors: Number F of factors.
        epochs: K rising epochs; the last one is the full training.
    """
    missing = 1 - np.asarray(epochs, dtype=np.float64) / epochs[-1]
    rung_correlation = RUNG_CORRELATION + (1 - RUNG_CORRELATION) * np.eye(len(missing))
    noise = NOISE**2 * (0.6 + 0.4 * np.eye(len(missing))) + np.diag((EARLY_NOISE * missing) ** 2)
    return Scales(
        main=np.full(factors, MAIN),
        pairs=PAIRS,
        arm_residual=ARM_RESIDUAL,
        rung_correlation=rung_correlation,
        residual_rung_correlation=rung_correlation,
        noise=noise,
    )


def scaled(scales: Scales, by: float) -> Scales:
    """Multiply all scales by a factor."""
    return replace(
        scales,
        main=scales.main * by,
        pairs=scales.pairs * by,
        arm_residual=scales.arm_residual * by,
        noise=scales.noise * by**2,
    )


class ScaleVector:
    """Scales as a vector of unconstrained numbers, and their prior."""

    def __init__(self, expected: Scales) -> None:
        self.expected = expected
        self.factors, self.rungs = len(expected.main), len(expected.noise)
        self.lower = np.tril_indices(self.rungs)

    def pack(self, scales: Scales) -> Floats:
        """Return scales as a vector: logarithms of variances, then lower triangles of square roots."""
        deviations = np.array([*scales.main, scales.pairs, scales.arm_residual])
        roots = [
            np.linalg.cholesky(matrix)[self.lower]
            for matrix in (scales.rung_correlation, scales.residual_rung_correlation, scales.noise / NOISE**2)
        ]
        return np.concatenate([2 * np.log(deviations), *roots])

    def unpack(self, vector: Floats) -> Scales:
        """Return the scales of a vector."""
        variances, roots = self._parts(vector)
        deviations = np.sqrt(variances)
        rung_correlation, arm_residual, noise = (root @ root.T for root in roots)
        return Scales(
            main=deviations[: self.factors],
            pairs=float(deviations[self.factors]),
            arm_residual=float(deviations[self.factors + 1]),
            rung_correlation=rung_correlation,
            residual_rung_correlation=arm_residual,
            noise=NOISE**2 * noise,
        )

    def slope(
        self, vector: Floats, variances: Floats, rung_correlation: Floats, arm_residual: Floats, noise: Floats
    ) -> Floats:
        """Return the gradient over the vector, given the gradients over the variances and the matrices."""
        values, roots = self._parts(vector)
        matrices = (rung_correlation, arm_residual, NOISE**2 * noise)
        folded = [((m + m.T) @ root)[self.lower] for m, root in zip(matrices, roots, strict=True)]
        return np.concatenate([variances * values, *folded])

    def prior(self, vector: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the prior density and its gradient over the vector.

        A variance is inverse gamma, a matrix inverse Wishart, each with the weight of its prior.
        """
        scales, expected = self.unpack(vector), self.expected
        variances = np.array([*scales.main, scales.pairs, scales.arm_residual]) ** 2
        expected_variances = np.array([*expected.main, expected.pairs, expected.arm_residual]) ** 2
        strength = np.array([_STRENGTHS["main"]] * self.factors + [_STRENGTHS["pairs"], _STRENGTHS["arm_residual"]])
        value = -0.5 * float(strength @ (np.log(variances) + expected_variances / variances))
        slopes: list[Floats] = []
        for matrix, expectation, worth in (
            (scales.rung_correlation, expected.rung_correlation, _STRENGTHS["rung_correlation"]),
            (scales.residual_rung_correlation, expected.residual_rung_correlation, _STRENGTHS["rung_correlation"]),
            (scales.noise, expected.noise, _STRENGTHS["noise"]),
        ):
            inverse = np.linalg.inv(matrix)
            value -= 0.5 * worth * float(np.linalg.slogdet(matrix)[1] + np.trace(inverse @ expectation))
            slopes.append(np.asarray(-0.5 * worth * (inverse - inverse @ expectation @ inverse), dtype=np.float64))
        return value, self.slope(vector, -0.5 * strength * (1 / variances - expected_variances / variances**2), *slopes)

    def _parts(self, vector: Floats) -> tuple[Floats, list[Floats]]:
        count = self.factors + 2
        each = len(self.lower[0])
        roots = []
        for start in range(count, len(vector), each):
            root = np.zeros((self.rungs, self.rungs))
            root[self.lower] = vector[start : start + each]
            roots.append(root)
        return np.exp(vector[:count]), roots
