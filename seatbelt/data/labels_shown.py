"""Whether the training images of a trial show what it is to learn."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from seatbelt.config import TrialConfig
from seatbelt.data.cache import Decoded
from seatbelt.data.labels import channel_codes
from seatbelt.data.sweep_data import SweepData
from seatbelt.errors import UserError

_CLASSES = 256


def check_labels_shown(data: SweepData, configs: Iterable[TrialConfig]) -> None:
    """Refuse a context label that no training image of a trial shows: it would be learned from nothing.

    Masks may know a class that was only annotated in later generations. Only trials with context are looked at.

    Raises:
        UserError: The first such label, with what the trial trains on.
    """
    shown: dict[int, NDArray[np.bool_]] = {}
    for config in {config.data: config for config in configs if config.data.context}.values():
        samples = data.samples(config).train
        for dataset in {d for d, _ in samples.indices}:
            shown.setdefault(dataset, _classes_shown(samples.decoded[dataset]))
        for label in config.data.context:
            if not any(_shows(data, label, shown[d][row], d) for d, row in samples.indices):
                trained = "+".join([*(["real"] if config.data.real else []), *config.data.generations])
                raise UserError(
                    f"context={label} cannot be combined with training on {trained}: none of the "
                    f"{len(samples.indices)} training masks shows it; leave the label out, or train on other images"
                )


def _shows(data: SweepData, label: str, present: NDArray[np.bool_], dataset: int) -> bool:
    table = _table(tuple(data.datasets[dataset].classes.items()), label)
    return bool((present & (table == 1)).any())


@functools.lru_cache(maxsize=256)
def _table(classes: tuple[tuple[str, int], ...], label: str) -> NDArray[np.uint8]:
    return channel_codes(dict(classes), (label,))


def _classes_shown(decoded: Decoded) -> NDArray[np.bool_]:
    """Return for each image which class indices its mask holds, (N, 256)."""
    return np.stack([np.bincount(mask.reshape(-1), minlength=_CLASSES) > 0 for mask in decoded.masks])
