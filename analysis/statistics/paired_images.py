"""Test scores paired by replicate and image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.reading.arrays import Floats
from analysis.statistics.intervals import Interval, over_subjects

if TYPE_CHECKING:
    import pandas as pd


def by_replicate(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one arm, indexed and sorted by replicate.

    Raises:
        ValueError: A replicate occurs twice.
    """
    if trials["replicate"].duplicated().any():
        raise ValueError("an arm has one replicate twice")
    return trials.set_index("replicate").sort_index()


def image_scores(trials: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return the IoU: one row per replicate, one column per test image (subject, data set, image).

    Args:
        trials: Trials of one arm, indexed by replicate, with their `trial_key`.
        images: The table of images.
    """
    replicate = dict(zip(trials["trial_key"], trials.index, strict=True))
    of_arm = images[images["trial_key"].isin(list(replicate))]
    of_arm = of_arm.assign(replicate=of_arm["trial_key"].map(replicate), subject=of_arm["subject"].fillna(""))
    return of_arm.pivot(index="replicate", columns=["subject", "dataset", "image"], values="iou")


def mean_over_subjects(scores: pd.DataFrame) -> Interval | None:
    """Return the mean of `image_scores` or of a difference of two, with its interval over subjects and replicates.

    None if no replicate has all images.
    """
    whole = scores.dropna(axis=0, how="any")
    if whole.empty:
        return None
    values: Floats = whole.to_numpy(dtype=np.float64)
    return over_subjects(values, subjects_of(whole))


def subjects_of(scores: pd.DataFrame) -> list[str]:
    """Return the subject of each column of `image_scores`; an image without one is its own subject."""
    return [str(c[0]) or f"{c[1]}/{c[2]}" for c in scores.columns]
