"""How well scores at a rung rank final scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.reading.design import Design, read_design
from analysis.reading.tables import SweepTables, readable
from analysis.statistics.intervals import LEVEL
from seatbelt.errors import UserError

TRUSTED, DOUBTED = 0.7, 0.5
"""Rank correlations above which a rung is trusted, and below which it is called misleading."""
_NINTHS = 9
"""Candidate rungs divide the full epochs into this many equal parts."""
_EARLY = 2 / 3
"""Share of the full epochs after which a rung saves too little to justify its errors."""
_RESAMPLES = 400
_FEWEST = 5
"""Fewest complete trials for a correlation."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well the best score up to an epoch ranks final scores."""

    epoch: int
    rung: bool
    """Whether the epoch is a rung of the sweep."""
    seen: float
    """Spearman's correlation over complete trials; too low in a pruned sweep, where they are a selection."""
    correlation: float
    """The same for all trials: the value without pruning."""
    low: float
    high: float
    n: int
    """Complete trials."""


@dataclass(frozen=True, kw_only=True)
class Agreements:
    """The agreement at each candidate epoch, and advice."""

    agreements: list[Agreement]
    trials: int
    pruned: int
    arms: int
    advice: str
    by_schedule: dict[str, list[Agreement]]
    """The agreements within each schedule of the learning rates, if the sweep has several; pruning compares within
    them. A schedule with fewer than five complete trials is left out."""


def rungs(sweep: SweepTables) -> Agreements:
    """Estimate how well scores at rungs, and at epochs that could be rungs, rank final scores.

    In a pruned sweep only promoted and exempt trials have a final score. The likelihood of monotone missing data
    (`analysis.statistics.monotone_likelihood`) estimates the correlation over all trials, converted to a rank
    correlation as for normal scores (Pearson 1907). Intervals are bootstrap percentiles over whole arms.

    Args:
        sweep: The sweep, finished or not.

    Raises:
        UserError: Fewer than five trials are complete, trials have only one epoch, or the tables hold values that no
            sweep
            writes.
    """
    with readable(sweep):
        full = int(sweep.trials["epochs_planned"].max())
        candidates = {max(1, round(full * part / _NINTHS)) for part in range(1, _NINTHS)} - {full}
        design = read_design(sweep, candidates)
        complete = int((~np.isnan(design.scores[:, -1])).sum())
        if complete < _FEWEST:
            raise UserError(f"{sweep.root} has {complete} complete trials; judging rungs needs {_FEWEST}")
        if len(design.epochs) < 2:
            raise UserError(f"{sweep.root} trains for one epoch: there is nothing to compare before the end")
        rung_epochs = set(sweep.record.rungs) - {design.epochs[-1]}
        return _agreements(design, rung_epochs)


def _agreements(design: Design, rung_epochs: set[int]) -> Agreements:
    estimates = _estimates(design, rung_epochs)
    by_schedule = {schedule: _estimates(part, rung_epochs) for schedule, part in _by_schedule(design)}
    full = design.epochs[-1]
    advice = "; ".join(f"{schedule}: {_advice(part, full)}" for schedule, part in by_schedule.items())
    return Agreements(
        agreements=estimates,
        trials=len(design.scores),
        pruned=design.pruned,
        arms=int(design.trials["arm_key"].nunique()),
        advice=advice or _advice(estimates, full),
        by_schedule=by_schedule,
    )


def _estimates(design: Design, rung_epochs: set[int]) -> list[Agreement]:
    arms = np.unique(design.trials["arm_key"].to_numpy(), return_inverse=True)[1]
    return [_agreement(design, epoch, rung_epochs, arms) for epoch in design.epochs[:-1]]


def _by_schedule(design: Design) -> Iterator[tuple[str, Design]]:
    """Yield the trials of each schedule that has enough complete ones; nothing if the schedule does not vary."""
    if not any(factor.name == "schedule" for factor in design.factors):
        return
    schedules = design.trials["schedule"].to_numpy()
    for schedule in dict.fromkeys(schedules):
        rows = schedules == schedule
        if (~np.isnan(design.scores[rows, -1])).sum() >= _FEWEST:
            part = design.trials.loc[rows].reset_index(drop=True)
            yield str(schedule), replace(design, trials=part, scores=design.scores[rows], test=design.test[rows])


def _agreement(design: Design, epoch: int, rung_epochs: set[int], arms: NDArray[np.intp]) -> Agreement:
    from scipy import stats

    # The scores used for pruning must be included for every epoch.
    chosen = [i for i, e in enumerate(design.epochs) if e == epoch or e in rung_epochs or e == design.epochs[-1]]
    scores = design.scores[:, chosen]
    position = [design.epochs[i] for i in chosen].index(epoch)
    complete = ~np.isnan(scores[:, -1])
    pruned = not complete.all()

    def ranked(rows: NDArray[np.intp]) -> float:
        pair = scores[rows][:, [position, -1]]
        return float(stats.spearmanr(pair).statistic) if np.ptp(pair, axis=0).all() else math.nan

    def correlation(rows: NDArray[np.intp]) -> float:
        return _as_ranks(monotone_covariance(scores[rows]), position) if pruned else ranked(rows)

    rng = np.random.default_rng(0)
    members = [np.flatnonzero(arms == arm) for arm in range(int(arms.max()) + 1)]
    draws = []
    for _ in range(_RESAMPLES):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if (~np.isnan(scores[rows, -1])).sum() > len(chosen) + 1:
            draws.append(correlation(rows))
    finite = np.array(draws)[np.isfinite(draws)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(finite) else (math.nan, math.nan)
    return Agreement(
        epoch=epoch,
        rung=epoch in rung_epochs,
        seen=ranked(np.flatnonzero(complete)),
        correlation=correlation(np.arange(len(scores))),
        low=float(low),
        high=float(high),
        n=int(complete.sum()),
    )


def monotone_covariance(scores: Floats) -> Floats:
    """Return (K, K) the maximum-likelihood covariance of scores that are missing depending on earlier ones.

    Args:
        scores: (n, K), monotone: NaN from the first score that a trial did not reach.
    """
    rungs = scores.shape[1]
    covariance = np.zeros((rungs, rungs))
    for k in range(rungs):
        rows = ~np.isnan(scores[:, k])
        earlier = np.column_stack([np.ones(int(rows.sum())), scores[rows, :k]])
        weights, *_ = np.linalg.lstsq(earlier, scores[rows, k], rcond=None)
        rest = float(np.mean((scores[rows, k] - earlier @ weights) ** 2))
        covariance[k, :k] = covariance[:k, k] = covariance[:k, :k] @ weights[1:]
        covariance[k, k] = rest + weights[1:] @ covariance[:k, :k] @ weights[1:]
    return covariance


def _as_ranks(covariance: Floats, position: int) -> float:
    """Return the rank correlation with the last score for normal scores with this covariance."""
    spread = math.sqrt(covariance[position, position] * covariance[-1, -1])
    if spread == 0:
        return math.nan
    return 6 / math.pi * math.asin(max(-1.0, min(1.0, covariance[position, -1] / spread)) / 2)


def _advice(agreements: list[Agreement], full: int) -> str:
    early = [a for a in agreements if a.epoch <= _EARLY * full]
    trusted = next((a.epoch for a in early if a.correlation >= TRUSTED), None)
    first = next((a for a in agreements if a.rung), None)
    if first is None:
        if trusted is None:
            return f"no epoch in the first two thirds ranks trials well (correlation {TRUSTED}): use --prune none"
        return f"scores rank trials well from epoch {trusted}: --prune asha --rungs {trusted},{full} would save epochs"
    if first.correlation >= TRUSTED:
        return f"the first rung, epoch {first.epoch}, ranks trials well"
    verdict = (
        f"the first rung, epoch {first.epoch}, ranks trials {'badly' if first.correlation < DOUBTED else 'fairly'}"
    )
    if trusted is None:
        return f"{verdict}, and no other in the first two thirds ranks them well: use --prune none"
    return f"{verdict}; use a later one: --rungs {trusted},{full}"
