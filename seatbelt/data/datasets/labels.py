"""Labels: from the class indices of masks to the binary channels of a trial, the target first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seatbelt.config.data import DataConfig
from seatbelt.config.notation import classes_of
from seatbelt.data.datasets.dataset import IGNORE

BACKGROUND = "background"
"""Name of the class without objects; it is never a label, not even with `all`."""


FEW = 5
"""With fewer images of the target than this, users are warned: single images determine the score."""


def labels_of(config: DataConfig) -> tuple[str, ...]:
    """Return the labels in the order of their channels: the target, then the context labels by name."""
    return (config.target, *config.context)


def channel_codes(classes: dict[str, int], labels: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the table (256,) from a data set's class index to a channel code (`seatbelt.data.loading.loader.Samples`).

    A code is 1 + the channel of the label of the class; all classes of a merged label share it. It is 0 for classes
    without a label and 255 for pixels to ignore. Classes that the data set lacks are skipped.
    """
    codes = np.zeros(256, np.uint8)
    codes[IGNORE] = IGNORE
    for channel, label in enumerate(labels):
        for name in classes_of(label):
            if name in classes:
                codes[classes[name]] = channel + 1
    return codes


def missing_classes(classes: dict[str, int], labels: tuple[str, ...]) -> list[str]:
    """Return the classes of some labels that a data set lacks, in alphabetical order."""
    return sorted({name for label in labels for name in classes_of(label)} - set(classes))


def all_context(classes: list[dict[str, int]], target: str) -> tuple[str, ...]:
    """Return all classes of some data sets, each as a label, except the target and the background."""
    names = {name for numbers in classes for name in numbers}
    return tuple(sorted(names - {BACKGROUND, *classes_of(target)}))
