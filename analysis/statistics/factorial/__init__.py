"""The factorial model: main effects and shrunk interactions, fitted to complete and pruned trials.

It is a Gaussian model of the scores at the rungs. The effects of each factor, the interactions of each pair of factors
and the residual of each arm are drawn from normal distributions with scales fitted to the sweep, so that effects the
trials cannot identify shrink towards zero. Interactions are expected to be small where the main effects are (heredity).
A
pruned trial contributes the rungs that it reached: it was stopped for its own score, which is in the likelihood. The
correlation of scores at the rungs and at the end is fitted, too.

Sources: hierarchical shrinkage of factorial effects as in Gelman, Analysis of Variance (Annals of Statistics 33, 2005,
doi:10.1214/009053604000001048); heredity as in Chipman, Bayesian variable selection with related predictors (Canadian
Journal of Statistics 24, 1996, doi:10.2307/3315687); ignoring the stopping rule as in Rubin, Inference and missing data
(Biometrika 63, 1976, doi:10.1093/biomet/63.3.581). The scales are drawn
around the maximum of their posterior density.
"""

from analysis.statistics.factorial.basis import Basis, basis_of
from analysis.statistics.factorial.fit import correlation_of_scores, fit_scales, spread_of_scores, usual_deviation
from analysis.statistics.factorial.posterior import CoefficientPosterior, coefficients
from analysis.statistics.factorial.scales import Scales
from analysis.statistics.factorial.surface import ScoreSurface, SurfacePosterior
from analysis.statistics.factorial.trials import Trials, trials_of

__all__ = [
    "Basis",
    "CoefficientPosterior",
    "Scales",
    "ScoreSurface",
    "SurfacePosterior",
    "Trials",
    "basis_of",
    "coefficients",
    "correlation_of_scores",
    "fit_scales",
    "spread_of_scores",
    "trials_of",
    "usual_deviation",
]
