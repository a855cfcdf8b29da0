"""The factorial model of a sweep's trials: unshrunk main effects, and all coefficients of the shrunk model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.reading.design import Design
from analysis.statistics.design_matrix import LevelContrast, contrasts_of, design_matrix
from analysis.statistics.factorial import (
    CoefficientPosterior,
    Scales,
    Trials,
    basis_of,
    coefficients,
    fit_scales,
    trials_of,
)
from seatbelt.records.sweep import SweepFactor

MOST_TRIALS = 400
"""Most trials the model uses: its cost grows with the cube of their number."""
_LEARN_FROM = 160
"""Most trials that the scales are fitted to."""
_UNSHRUNK = 0.2
"""Prior standard deviation of unshrunk main effects, IoU: far wider than any effect."""


@dataclass(frozen=True, kw_only=True)
class MainEffects:
    """Contrasts of main effects.

    Attributes:
        values: (c,)
        covariance: (c, c)
        gain: (c, n) derivative of each estimate with respect to the last score of each trial.
    """

    values: Floats
    covariance: Floats
    gain: Floats


def main_effects(
    design: Design, scores: Floats, epochs: tuple[int, ...], contrasts: list[LevelContrast]
) -> MainEffects:
    """Return unshrunk contrasts of main effects on the last score.

    Interactions, arm residuals and trial noise are random, with scales drawn given the sweep (a mixed model: Laird and
    Ware 1982, doi:10.2307/2529876), which accounts for the dependence of trials of one arm.

    Args:
        design: The trials, at most MOST_TRIALS.
        scores: (n, K), NaN from the first score on that a trial did not reach.
        epochs: K epochs of the scores; the last one is the full training.
        contrasts: The c contrasts.
    """
    trials = model_trials(design, scores, epochs)
    scales = draw_scales(design, scores, epochs, tails=10)
    wide = [replace(each, main=np.full(len(design.factors), _UNSHRUNK)) for each in scales]
    posterior = coefficients(trials, wide, trials.groups[: len(design.factors)])
    names = [factor.name for factor in design.factors]
    offsets = np.cumsum([0, *(basis.width for basis in trials.bases)])
    weights = np.zeros((len(contrasts), offsets[-1]))
    for row, contrast in enumerate(contrasts):
        position = names.index(contrast.factor.name)
        weights[row, offsets[position] : offsets[position + 1]] = _weights(contrast)
    return MainEffects(
        values=weights @ posterior.mean,
        covariance=weights @ posterior.covariance @ weights.T,
        gain=weights @ posterior.gain[:, :, -1],
    )


def model_trials(design: Design, scores: Floats, epochs: tuple[int, ...]) -> Trials:
    """Return the trials as input of the factorial model."""
    return trials_of(
        [basis_of(factor) for factor in design.factors],
        [list(design.trials[factor.name]) for factor in design.factors],
        scores,
        list(design.trials["arm_key"]),
        design.trials["replicate"].tolist(),
        epochs,
    )


def draw_scales(design: Design, scores: Floats, epochs: tuple[int, ...], *, tails: float) -> list[Scales]:
    """Return draws of the scales given some of the trials; see `fit_scales`."""
    rows = sample_rows(design, _LEARN_FROM)
    return fit_scales(model_trials(design.subset(rows), scores[rows], epochs), tails=tails)


def fit_shrunk(design: Design) -> tuple[Trials, CoefficientPosterior]:
    """Return the trials and the posterior of all coefficients of the shrunk model.

    Interactions depend on the scales more than main effects do: heavier tails of the draws keep their intervals
    calibrated (`make validate-statistics`).

    Args:
        design: The trials, at most MOST_TRIALS.
    """
    trials = model_trials(design, design.scores, design.epochs)
    scales = draw_scales(design, design.scores, design.epochs, tails=4)
    return trials, coefficients(trials, scales, trials.groups)


def sample_rows(design: Design, most: int) -> NDArray[np.intp]:
    """Return the rows of random whole arms with at most `most` trials, whatever their scores."""
    arms = design.trials["arm_key"].to_numpy()
    if len(arms) <= most:
        return np.arange(len(arms))
    names = np.unique(arms)
    sizes = dict(zip(*np.unique(arms, return_counts=True), strict=True))
    chosen, size = set(), 0
    for name in np.random.default_rng(0).permutation(names):
        if size + sizes[name] > most:
            break
        chosen.add(name)
        size += sizes[name]
    return np.flatnonzero([arm in chosen for arm in arms])


def has_residual_freedom(design: Design) -> bool:
    """Return whether complete trials outnumber main effects: without that the noise cannot be estimated."""
    complete = ~np.isnan(design.scores[:, -1])
    if not complete.any():
        return False
    matrix = design_matrix(design, contrasts_of(design))[complete]
    return len(matrix) > int(np.linalg.matrix_rank(matrix))


def reported_levels(factor: SweepFactor) -> list[str]:
    """Return the levels whose interactions are reported: all, or only `on` for a switch."""
    return ["on"] if set(factor.levels) == {"on", "off"} else list(factor.levels)


def _weights(contrast: LevelContrast) -> Floats:
    """Return (width,) the weights of a factor's coefficients in a contrast."""
    factor = contrast.factor
    basis = basis_of(factor)
    if (span := factor.range) is not None:
        # The first polynomial goes from -1 to 1.
        slope = 2 / (math.log10(span.high / span.low) if span.log else 1.0)
        return np.asarray(slope * np.eye(basis.width)[0])
    rows = basis.columns([contrast.level, contrast.reference])
    return np.asarray(rows[0] - rows[1])
