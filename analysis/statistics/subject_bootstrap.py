"""Covariance of estimates from test scores over the subjects of the test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.reading.arrays import Floats
from analysis.reading.duckdb import rows
from analysis.reading.tables import SweepTables

_RESAMPLES = 1000


def spread_over_subjects(sweep: SweepTables, keys: Sequence[str], gain: Floats) -> Floats:
    """Return the covariance of estimates over subjects, by a bootstrap of whole subjects.

    Images of one person are not independent. An image without a subject is its own subject.

    Args:
        sweep: The sweep.
        keys: Keys of n trials.
        gain: (c, n) derivative of each estimate with respect to the test score of each trial; 0 for untested trials.

    Returns:
        (c, c)
    """
    sums, sizes = _by_subject(sweep, keys)
    if len(sizes) < 2:
        return np.zeros((len(gain), len(gain)))
    subjects = len(sizes)
    drawn = np.random.default_rng(0).multinomial(subjects, np.full(subjects, 1 / subjects), size=_RESAMPLES)
    scores = sums @ drawn.T / (drawn @ sizes)
    covariance: Floats = np.cov(gain @ scores)
    return covariance.reshape(len(gain), len(gain))


def _by_subject(sweep: SweepTables, keys: Sequence[str]) -> tuple[Floats, Floats]:
    """Return (n, S) the sum of the IoU over the images of each subject, and (S,) the number of images."""
    person = "coalesce(nullif(subject, ''), dataset || '/' || image)"
    sql = f"select trial_key, {person} as person, sum(iou) as total, count(*) as n from images group by all"
    sums_of_person = rows(sweep, sql, table="images")
    people = {name: i for i, name in enumerate(sorted({row["person"] for row in sums_of_person}))}
    trials = {key: i for i, key in enumerate(keys)}
    sums, sizes = np.zeros((len(keys), len(people))), np.zeros(len(people))
    for row in sums_of_person:
        if row["trial_key"] in trials:
            sums[trials[row["trial_key"]], people[row["person"]]] = row["total"]
            sizes[people[row["person"]]] = row["n"]
    return sums[:, sizes > 0], sizes[sizes > 0]
