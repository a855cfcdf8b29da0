"""The posterior of the final score of every cell: the mean of the factorial model, and draws from it.

A draw follows Matheron's rule: all coefficients are drawn from the prior and corrected by the difference between the
measured scores and the drawn ones (Wilson et al., Pathwise conditioning of Gaussian processes, JMLR 22, 2021,
arXiv:2011.04026).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.factorial.likelihood import VAGUE, covariance_of_scores
from analysis.statistics.factorial.scales import Scales
from analysis.statistics.factorial.trials import Trials


@dataclass(frozen=True, kw_only=True)
class ScoreSurface:
    """Final score as a function of the cell, IoU.

    Attributes:
        level: Mean score over cells, for the average replicate.
        main: (P,) coefficients of the columns of all factors, in factor order.
        pairs: (P, P) coefficients of products of columns of two factors; symmetric, 0 within a factor.
        arms: (A,) residual of each arm of the trials.
    """

    level: float
    main: Floats
    pairs: Floats
    arms: Floats

    def at(self, columns: Floats) -> Floats:
        """Return the scores (m,) of cells with columns (m, P), without arm residuals."""
        crossed = np.einsum("ip,ip->i", columns @ self.pairs, columns)
        return np.asarray(self.level + columns @ self.main + 0.5 * crossed)


class SurfacePosterior:
    """The posterior distribution of the surface for given scales."""

    def __init__(self, trials: Trials, scales: Scales) -> None:
        self.trials, self.scales = trials, scales
        self._columns = np.concatenate(trials.columns, axis=1)
        owner = np.repeat(np.arange(len(trials.columns)), [c.shape[1] for c in trials.columns])
        self._deviations = scales.main[owner]
        self._across = owner[:, None] != owner[None, :]
        self._arms, self._replicates = int(trials.arms.max()) + 1, int(trials.replicates.max()) + 1
        self._factor = np.linalg.cholesky(covariance_of_scores(trials, scales))
        nothing = np.zeros(len(self._deviations))
        self._nothing = ScoreSurface(
            level=float(trials.means[-1]),
            main=nothing,
            pairs=np.zeros(self._across.shape),
            arms=np.zeros(self._arms),
        )

    def mean(self) -> ScoreSurface:
        """Return the expected surface."""
        return self._moved(self._nothing, np.zeros(self.trials.scores.shape))

    def draw(self, random: np.random.Generator) -> ScoreSurface:
        """Draw a surface from the posterior."""
        trials, scales = self.trials, self.scales
        n, k = trials.scores.shape
        count = len(self._deviations)
        early, late = np.linalg.cholesky(scales.rung_correlation), np.linalg.cholesky(scales.residual_rung_correlation)
        main = self._deviations[:, None] * (random.normal(size=(count, k)) @ early.T)
        upper = np.triu(self._across) * random.normal(size=(k, count, count))
        pairs = scales.pairs * np.einsum("kl,lpq->kpq", late, upper + upper.transpose(0, 2, 1))
        arms = scales.arm_residual * (random.normal(size=(self._arms, k)) @ late.T)
        levels = np.sqrt(VAGUE) * random.normal(size=(1 + self._replicates, k))
        if self._replicates == 1:
            levels[1] = 0.0
        noise = random.normal(size=(n, k)) @ np.linalg.cholesky(scales.noise).T
        crossed = 0.5 * np.stack([np.einsum("ip,ip->i", self._columns @ p, self._columns) for p in pairs], axis=1)
        scores = self._columns @ main + crossed + arms[trials.arms] + levels[0] + levels[1 + trials.replicates] + noise
        level = float(trials.means[-1] + levels[0, -1] + levels[1:, -1].mean())
        drawn = ScoreSurface(level=level, main=main[:, -1], pairs=pairs[-1], arms=arms[:, -1])
        return self._moved(drawn, scores)

    def _moved(self, prior: ScoreSurface, scores: Floats) -> ScoreSurface:
        """Return a prior draw corrected by the difference between the measured scores and its scores (n, K)."""
        from scipy.linalg import cho_solve

        trials, scales = self.trials, self.scales
        away = (trials.scores - scores).ravel()[trials.observed]
        pulls = np.zeros(trials.scores.size)
        pulls[trials.observed] = cho_solve((self._factor, True), away)
        pull = pulls.reshape(trials.scores.shape)
        early, late = pull @ scales.rung_correlation[:, -1], pull @ scales.residual_rung_correlation[:, -1]
        crossed = self._columns.T @ (late[:, None] * self._columns)
        share = 1 / self._replicates if self._replicates > 1 else 0.0
        return ScoreSurface(
            level=prior.level + float(VAGUE * (1 + share) * pull[:, -1].sum()),
            main=prior.main + self._deviations**2 * (self._columns.T @ early),
            pairs=prior.pairs + scales.pairs**2 * self._across * crossed,
            arms=prior.arms + scales.arm_residual**2 * np.bincount(trials.arms, weights=late, minlength=self._arms),
        )
