"""Power of a paired comparison over replicates by Student's test."""

from __future__ import annotations

import math

POWER = 0.8
SIGNIFICANCE = 0.05
_EXACT_BELOW = 200
"""Degrees of freedom from which the normal distribution replaces Student's."""


def detectable_difference(sd: float, replicates: int) -> float:
    """Return the smallest true difference that a paired two-sided t-test at 5 % detects with 80 % power.

    By the noncentral t distribution (Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2).

    Args:
        sd: Standard deviation of the paired differences.
        replicates: Number of pairs, at least 2.
    """
    assert replicates >= 2, f"{replicates=}"
    return needed_noncentrality(replicates - 1) * sd / math.sqrt(replicates)


def replicates_needed(sd: float, difference: float) -> int:
    """Return the smallest number of pairs that detects a true difference with 80 % power.

    Args:
        sd: Standard deviation of the paired differences.
        difference: The true difference, above 0.
    """
    assert difference > 0, f"{difference=}"

    def enough(pairs: int) -> bool:
        return detectable_difference(sd, pairs) <= difference

    low, high = 1, 2
    while not enough(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def needed_noncentrality(freedom: float) -> float:
    """Return the true effect, in standard errors, that a two-sided t-test at 5 % detects with 80 % power.

    Args:
        freedom: Degrees of freedom of the standard error, at least 1; infinite for a known one.
    """
    from scipy import optimize, stats

    assert freedom >= 1, f"{freedom=}"
    if freedom >= _EXACT_BELOW:
        return float(stats.norm.ppf(1 - SIGNIFICANCE / 2) + stats.norm.ppf(POWER))
    bound = float(stats.t.ppf(1 - SIGNIFICANCE / 2, freedom))

    def missing(noncentrality: float) -> float:
        return float(stats.nct.sf(bound, freedom, noncentrality)) - POWER

    # The other tail is negligible at this power.
    return float(optimize.brentq(missing, 0.0, 4 * bound + 4))
