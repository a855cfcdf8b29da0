"""Summarises many simulated sweeps: regrets with standard errors, and costs until a regret is reached."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TARGETS = (0.005, 0.01)
"""Regrets whose cost is reported, IoU."""
_RESAMPLES = 1000


def summary(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return one row per world and strategy.

    Columns: n; final and auc (mean regret at the end and over the budget, IoU) with their standard errors; cost_005
    and reached_005 (and the same for 0.01): mean cost until the regret stays at or below 0.005 (the budget if it never
    does), and the share of sweeps that reach it; ratio: cost until the mean regret stays at or below the final mean
    regret of the reference, divided by the total cost of the reference, with a 95 % bootstrap interval over sweeps
    (NaN if it is not reached within the budget).

    Args:
        table: Rows of `simulate`.
        reference: The strategy to compare with.
    """
    rows = []
    for world, of_world in table.groupby("world", sort=False):
        curves = {str(name): _curves(rows_) for name, rows_ in of_world.groupby("strategy", sort=False)}
        costs = np.sort(of_world["cost"].unique())
        ends = of_world[(of_world["strategy"] == reference) & (of_world["cost"] == costs[-1])]
        spent = float(ends["spent"].mean()) if len(ends) else float("nan")
        for name, regrets in curves.items():
            row = {"world": world, "strategy": name, "n": len(regrets)}
            row |= _mean("final", regrets[:, -1]) | _mean("auc", regrets.mean(axis=1))
            for target in TARGETS:
                reached = np.array([_first_held(curve <= target) for curve in regrets])
                cost = np.where(reached < len(costs), costs[np.minimum(reached, len(costs) - 1)], costs[-1])
                label = f"{target:.3f}"[2:]
                row |= _mean(f"cost_{label}", cost) | {f"reached_{label}": float((reached < len(costs)).mean())}
            if reference in curves:
                row |= _ratio(regrets, curves[reference], costs / spent)
            rows.append(row)
    return pd.DataFrame(rows)


def _curves(rows: pd.DataFrame) -> Floats:
    """Return the regrets (seeds, checks)."""
    wide = rows.pivot(index="seed", columns="cost", values="regret").sort_index()
    return wide.to_numpy(dtype=np.float64)


def _mean(name: str, values: Floats) -> dict[str, float]:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return {name: float(values.mean()), f"{name}_se": error}


def _ratio(regrets: Floats, reference: Floats, shares: Floats) -> dict[str, float]:
    """Return the ratio of costs until the reference's final mean regret, with its interval.

    Args:
        regrets: Regrets (seeds, checks).
        reference: Regrets (seeds, checks) of the reference.
        shares: (checks,) costs divided by the total cost of the reference.
    """
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(_RESAMPLES):
        mean_regret = regrets[random.integers(len(regrets), size=len(regrets))].mean(axis=0)
        target = reference[random.integers(len(reference), size=len(reference)), -1].mean()
        drawn.append(_share(mean_regret, target, shares))
    low, high = np.quantile(np.nan_to_num(drawn, nan=np.inf), [0.025, 0.975], method="nearest")
    ratio = _share(regrets.mean(axis=0), reference[:, -1].mean(), shares)
    return {"ratio": ratio, "ratio_low": float(low), "ratio_high": float(high)}


def _share(curve: Floats, target: float, shares: Floats) -> float:
    reached = _first_held(curve <= target)
    return float(shares[reached]) if reached < len(shares) else float("nan")


def _first_held(below: NDArray[np.bool_]) -> int:
    """Return the first position from which on all are true; the length if the last one is not."""
    above = np.flatnonzero(~below)
    return int(above[-1]) + 1 if len(above) else 0
