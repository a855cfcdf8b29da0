"""The additive design of a sweep: the contrasts to report, and their columns at the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats
from analysis.reading.design import Design
from seatbelt.records.sweep import SweepFactor, SweepRange


@dataclass(frozen=True)
class LevelContrast:
    """A level minus the reference level; for a range, the linear effect from low to high or per decade."""

    factor: SweepFactor
    level: str
    reference: str


def contrasts_of(design: Design) -> list[LevelContrast]:
    """Return the contrasts to report, in factor order."""
    contrasts = []
    for factor in design.factors:
        if (span := factor.range) is not None:
            contrasts.append(LevelContrast(factor, "x 10" if span.log else f"{span.low:g} to {span.high:g}", "-"))
            continue
        present = set(design.trials[factor.name])
        reference = reference_level(factor, present, design.baseline)
        contrasts += [LevelContrast(factor, x, reference) for x in factor.levels if x in present and x != reference]
    return contrasts


def design_matrix(design: Design, contrasts: Sequence[LevelContrast]) -> Floats:
    """Return (n, p) columns: the intercept, replicates, then one for each contrast.

    A level has an indicator column (the reference has none). A range has a column of its values, in decades if it is
    logarithmic.
    """
    values = [np.ones(len(design.trials))]
    replicates = design.trials["replicate"].to_numpy()
    values += [(replicates == r).astype(np.float64) for r in sorted(set(replicates.tolist()))[1:]]
    for contrast in contrasts:
        labels = design.trials[contrast.factor.name].to_numpy()
        span = contrast.factor.range
        values.append(_slope(span, labels) if span is not None else (labels == contrast.level).astype(np.float64))
    return np.stack(values, axis=1)


def reference_level(factor: SweepFactor, present: set[str], baseline: dict[str, str]) -> str:
    """Return the reference level of a factor: off, else that of the baseline, else the first one."""
    preferred = "off" if set(factor.levels) == {"on", "off"} else baseline.get(factor.name, "")
    return preferred if preferred in present else next(level for level in factor.levels if level in present)


def _slope(span: SweepRange, labels: NDArray[np.object_]) -> Floats:
    numbers = np.asarray(labels, dtype=np.float64)
    scaled = np.log10(numbers) if span.log else (numbers - span.low) / (span.high - span.low)
    return np.asarray(scaled - scaled.mean())
