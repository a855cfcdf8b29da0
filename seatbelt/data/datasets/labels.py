"""Label sets: from the class indices of masks to the binary channels that a trial learns, the target first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seatbelt.config.data import DataConfig
from seatbelt.config.notation import classes_of
from seatbelt.data.datasets.dataset import IGNORE

BACKGROUND = "background"
"""Name of the class that is nothing: no label of its own, also where `all` are asked for."""


FEW = 5
"""Fewer images of the target than this are told: one image more or less decides a score."""


def labels_of(config: DataConfig) -> tuple[str, ...]:
    """Return the labels in the order of their channels: the target, then the context in the order of its names."""
    return (config.target, *config.context)


def channel_codes(classes: dict[str, int], labels: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the table (256,) from a data set's class index to a channel code (`seatbelt.data.loading.loader.Samples`).

    A code is 1 + the channel of the label that the class belongs to: all classes of a merged label have one. It is
    0 for classes of no label, and 255 for pixels to ignore. Classes that the data set lacks are passed over.
    """
    codes = np.zeros(256, np.uint8)
    codes[IGNORE] = IGNORE
    for channel, label in enumerate(labels):
        for name in classes_of(label):
            if name in classes:
                codes[classes[name]] = channel + 1
    return codes


def missing_classes(classes: dict[str, int], labels: tuple[str, ...]) -> list[str]:
    """Return the classes of some labels that a data set does not know, in alphabetical order."""
    return sorted({name for label in labels for name in classes_of(label)} - set(classes))


def all_context(classes: list[dict[str, int]], target: str) -> tuple[str, ...]:
    """Return every class of some data sets but the target's and the background, each a label of its own."""
    names = {name for known in classes for name in known}
    return tuple(sorted(names - {BACKGROUND, *classes_of(target)}))
