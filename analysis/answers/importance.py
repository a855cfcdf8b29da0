"""The share of the variation of scores over the space that each factor explains."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.reading.arrays import Floats
from analysis.reading.design import Design, read_design
from analysis.reading.tables import SweepTables, readable
from analysis.statistics.factorial import CoefficientPosterior, Trials
from analysis.statistics.intervals import LEVEL
from analysis.statistics.mixed_model import MOST_TRIALS, fit_shrunk, has_residual_freedom, sample_rows
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import optuna


_DRAWS = 2000
_FEWEST = 8
"""Fewest complete trials for Optuna's evaluators."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What one factor explains, as a share of what all factors explain; shares sum to 1."""

    factor: str
    share: float
    """Shapley share: its main effects plus half of each of its interactions."""
    low: float
    high: float
    main: float
    """The part of the share due to main effects."""
    fanova: float | None
    """Optuna's fANOVA over complete trials; None if there are too few."""
    ped_anova: float | None
    """Optuna's PED-ANOVA over complete trials."""


@dataclass(frozen=True, kw_only=True)
class Importances:
    """The importance of a sweep's factors, most important first."""

    importances: list[Importance]
    deviation: float
    """Standard deviation of the expected final score over the space, IoU: what the factors explain."""
    low: float
    high: float
    trials: int
    complete: int
    notes: list[str]


def importance(sweep: SweepTables) -> Importances:
    """Estimate the share of the variation of the final score over the space that each factor explains.

    Shapley effects (Owen 2014, doi:10.1137/130936233) of the factorial model, which also uses pruned trials, with
    intervals from its posterior. In addition, Optuna's importances of the complete trials: a selection if the sweep
    pruned, so they do not describe the whole space. fANOVA: Hutter, Hoos and Leyton-Brown 2014; PED-ANOVA:
    Watanabe, Bansal and Hutter 2023, for the better half of the scores.

    Args:
        sweep: The sweep, finished or not.

    Raises:
        UserError: No factor varied, too few trials are complete, or the tables hold values that no sweep writes.
    """
    with readable(sweep):
        design = read_design(sweep)
        if not design.factors:
            raise UserError(f"{sweep.root} has varied no factor yet: nothing can be important")
        if not has_residual_freedom(design):
            raise UserError(
                f"{sweep.root} has no more complete trials than its factors have effects: importance needs more "
                "trials or replicates"
            )
        return importance_of(design, _by_optuna(design.subset(sample_rows(design, MOST_TRIALS))))


def importance_of(design: Design, others: dict[str, dict[str, float]]) -> Importances:
    """Return the importance of the factors; at least one trial must be complete.

    Args:
        design: The trials.
        others: `fanova` and `ped_anova` -> factor -> importance, where available.
    """
    sample = design.subset(sample_rows(design, MOST_TRIALS))
    main, shares, deviation = _shapley(*fit_shrunk(sample))
    bounds = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(shares, bounds, axis=0)
    complete = int((~np.isnan(design.scores[:, -1])).sum())
    rows = [
        Importance(
            factor=factor.name,
            share=float(shares[:, f].mean()),
            low=float(low[f]),
            high=float(high[f]),
            main=float(main[:, f].mean()),
            fanova=others.get("fanova", {}).get(factor.name),
            ped_anova=others.get("ped_anova", {}).get(factor.name),
        )
        for f, factor in enumerate(design.factors)
    ]
    notes = []
    if len(sample.trials) < len(design.trials):
        notes.append(f"shares are based on a random {len(sample.trials)} of {len(design.trials)} trials")
    if design.pruned:
        notes.append("fANOVA and PED-ANOVA use complete trials only, a selection because others were pruned")
    spread = np.quantile(deviation, bounds)
    return Importances(
        importances=sorted(rows, key=lambda row: (-row.share, row.factor)),
        deviation=float(deviation.mean()),
        low=float(spread[0]),
        high=float(spread[1]),
        trials=len(sample.trials),
        complete=complete,
        notes=notes,
    )


def _shapley(trials: Trials, posterior: CoefficientPosterior) -> tuple[Floats, Floats, Floats]:
    """Return draws of the main shares (D, F), the Shapley shares (D, F) and the standard deviation (D,)."""
    count = len(trials.bases)
    values, vectors = np.linalg.eigh(posterior.covariance)
    random = np.random.default_rng(0).normal(size=(_DRAWS, len(values)))
    drawn = posterior.mean + (random * np.sqrt(np.maximum(values, 0))) @ vectors.T
    main, shapley = np.zeros((_DRAWS, count)), np.zeros((_DRAWS, count))
    start = 0
    for group in trials.groups:
        stop = start + math.prod(trials.bases[f].width for f in group)
        explained = math.prod(trials.bases[f].share for f in group) * (drawn[:, start:stop] ** 2).sum(axis=1)
        for f in group:
            shapley[:, f] += explained / len(group)
        if len(group) == 1:
            main[:, group[0]] = explained
        start = stop
    total = shapley.sum(axis=1)
    return main / total[:, None], shapley / total[:, None], np.sqrt(total)


def _by_optuna(design: Design) -> dict[str, dict[str, float]]:
    """Return Optuna's importances of the complete trials; empty if there are too few."""
    if (~np.isnan(design.scores[:, -1])).sum() < _FEWEST:
        return {}
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances

    study = _study(design)
    shares = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluators: dict[str, Any] = {
            "fanova": FanovaImportanceEvaluator(seed=0),
            "ped_anova": PedAnovaImportanceEvaluator(target_quantile=0.5),
        }
        for name, evaluator in evaluators.items():
            shares[name] = {k: float(v) for k, v in get_param_importances(study, evaluator=evaluator).items()}
    return shares


def _study(design: Design) -> optuna.Study:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, BaseDistribution] = {
        f.name: CategoricalDistribution(tuple(f.levels))
        if f.range is None
        else FloatDistribution(f.range.low, f.range.high, log=f.range.log)
        for f in design.factors
    }
    names = list(distributions)
    study = optuna.create_study(direction="maximize")
    for score, labels in zip(design.scores[:, -1], design.trials[names].itertuples(index=False), strict=True):
        if not np.isnan(score):
            params = {
                f.name: str(x) if f.range is None else float(x) for f, x in zip(design.factors, labels, strict=True)
            }
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=float(score)))
    return study
