"""What many simulated sweeps say: regrets with standard errors, and costs until a regret is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TARGETS = (0.005, 0.01)
"""Regrets whose cost is reported, IoU."""
_RESAMPLED = 1000


def summary(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return one row per world and strategy.

    Columns: n; final and auc (mean regret at the end and over the budget, IoU) with their standard errors;
    cost_005, reached_005 (and the same for 0.01): mean cost until the regret stays at or below 0.005, the budget where
    it never does, and the share of sweeps that get there; ratio: cost until the mean regret stays at or below the
    final mean regret of the reference, over what the reference has spent in the end, with a 95 % interval from sweeps
    drawn again (NaN where it is never reached within the budget).

    Args:
        table: Rows of `simulate`.
        reference: The strategy to compare with.
    """
    import pandas as pd

    rows = []
    for world, own in table.groupby("world", sort=False):
        curves = {str(name): _curves(rows_) for name, rows_ in own.groupby("strategy", sort=False)}
        costs = np.sort(own["cost"].unique())
        ends = own[(own["strategy"] == reference) & (own["cost"] == costs[-1])]
        spent = float(ends["spent"].mean()) if len(ends) else float("nan")
        for name, found in curves.items():
            row = {"world": world, "strategy": name, "n": len(found)}
            row |= _mean("final", found[:, -1]) | _mean("auc", found.mean(axis=1))
            for target in TARGETS:
                reached = np.array([_first_held(curve <= target) for curve in found])
                cost = np.where(reached < len(costs), costs[np.minimum(reached, len(costs) - 1)], costs[-1])
                label = f"{target:.3f}"[2:]
                row |= _mean(f"cost_{label}", cost) | {f"reached_{label}": float((reached < len(costs)).mean())}
            if reference in curves:
                row |= _ratio(found, curves[reference], costs / spent)
            rows.append(row)
    return pd.DataFrame(rows)


def _curves(rows: pd.DataFrame) -> Floats:
    """Return the regrets (seeds, checks)."""
    wide = rows.pivot(index="seed", columns="cost", values="regret").sort_index()
    return wide.to_numpy(dtype=np.float64)


def _mean(name: str, values: Floats) -> dict[str, float]:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return {name: float(values.mean()), f"{name}_se": error}


def _ratio(found: Floats, reference: Floats, shares: Floats) -> dict[str, float]:
    """Return the ratio of costs until the reference's final mean regret, with its interval.

    Args:
        found: Regrets (seeds, checks).
        reference: Those of the reference.
        shares: (checks,) costs over what the reference has spent.
    """
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(_RESAMPLED):
        mine = found[random.integers(len(found), size=len(found))].mean(axis=0)
        target = reference[random.integers(len(reference), size=len(reference)), -1].mean()
        drawn.append(_share(mine, target, shares))
    low, high = np.quantile(np.nan_to_num(drawn, nan=np.inf), [0.025, 0.975], method="nearest")
    ratio = _share(found.mean(axis=0), reference[:, -1].mean(), shares)
    return {"ratio": ratio, "ratio_low": float(low), "ratio_high": float(high)}


def _share(curve: Floats, target: float, shares: Floats) -> float:
    reached = _first_held(curve <= target)
    return float(shares[reached]) if reached < len(shares) else float("nan")


def _first_held(below: NDArray[np.bool_]) -> int:
    """Return the first position from which on all are true; the length if the last is not."""
    above = np.flatnonzero(~below)
    return int(above[-1]) + 1 if len(above) else 0
