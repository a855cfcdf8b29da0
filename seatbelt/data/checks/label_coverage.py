"""Checks that the images of each part of a trial show its labels and its target."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.labels import channel_codes
from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import Partition
from seatbelt.data.partition.subjects import Sample

_CLASSES = 256

NamedConfig = tuple[str, TrialConfig]
"""The arm as the user wrote it, and its configuration."""


@dataclass(frozen=True, kw_only=True)
class TargetCount:
    """The number of images of a part, and the number of those with the target."""

    images: int
    with_target: int

    def __str__(self) -> str:
        return f"{self.with_target} of {self.images}"


@dataclass
class LabelCounter:
    """Counts the images with a label at the training resolution; reads each mask once."""

    data: SweepData
    _classes: dict[tuple[int, int, int], NDArray[np.bool_]] = field(default_factory=dict)
    """(data set, height, width) -> class indices present in each mask, (N, 256)."""

    def count(self, config: TrialConfig, samples: Iterable[Sample], label: str) -> TargetCount:
        """Count the images with a label. Repeated images count once, ignored pixels do not count."""
        images = with_label = 0
        by_dataset: dict[int, set[int]] = {}
        for dataset, row in samples:
            by_dataset.setdefault(dataset, set()).add(row)
        for dataset, rows in by_dataset.items():
            table = _table(tuple(self.data.datasets[dataset].classes.items()), label)
            present = self._classes_of(config, dataset)[sorted(rows)]
            images += len(rows)
            with_label += int((present & (table == 1)).any(axis=1).sum())
        return TargetCount(images=images, with_target=with_label)

    def parts(self, config: TrialConfig, parts: Partition) -> dict[str, TargetCount]:
        """Count the training, selection and test images of a trial with its target.

        The validation part only drives the schedule and is not checked.
        """
        samples = {"training": parts.train, "selection": parts.selection, "test": parts.test}
        return {part: self.count(config, chosen, config.data.target) for part, chosen in samples.items()}

    def _classes_of(self, config: TrialConfig, dataset: int) -> NDArray[np.bool_]:
        key = (dataset, config.data.height, config.data.width)
        if key not in self._classes:
            self._classes[key] = _classes_present(self.data.decoded(config)[dataset])
        return self._classes[key]


def describe_missing_target(
    data: SweepData, arm: str, config: TrialConfig, counts: dict[str, TargetCount]
) -> str | None:
    """Return why a trial cannot be trained or scored, None if each of its parts shows the target.

    Without the target nothing could be learned, or the arm that predicts least would win.

    Args:
        data: The data of the sweep.
        arm: The user's name of the arm; empty for all arms.
        config: The trial.
        counts: The result of `LabelCounter.parts`.
    """
    for part, count in counts.items():
        if count.images and not count.with_target:
            return _describe_absence(data, arm, config, part, count)
    return None


def describe_missing_context(counter: LabelCounter, config: TrialConfig, train: Sequence[Sample]) -> str | None:
    """Return a message about the first context label that no training image shows, None if there is none.

    The class may have been annotated in later generations only.
    """
    for label in config.data.context:
        if not counter.count(config, train, label).with_target:
            return (
                f"context={label} cannot be combined with training on {_trained_on(config)}: none of the "
                f"{len(train)} training masks shows it; leave the label out, or train on other images"
            )
    return None


def describe_no_receivers(config: TrialConfig, training: TargetCount) -> str | None:
    """Return why `copy_paste` would change nothing, None if some training image is without the target."""
    if training.with_target < training.images:
        return None
    return (
        f"copy_paste pastes {config.data.target} onto training images without it, but all {training.images} of "
        f"{_trained_on(config)} show it; leave copy_paste off, or train on images of unbelted people too"
    )


def _describe_absence(data: SweepData, arm: str, config: TrialConfig, part: str, count: TargetCount) -> str:
    text = f"none of the {count.images} {part} images shows the target {config.data.target}"
    if part == "training":
        subject = f"the arm {arm}" if arm else "every arm"
        return (
            f"{subject} trains on {_trained_on(config)}, but {text} (pixels to ignore left out); leave the arm out, or "
            "train on images that show it"
        )
    if part == "selection":
        names = ", ".join(sorted({row.subject or row.image for row in map(data.row, data.selection)})[:5])
        return (
            f"{text} (pixels to ignore left out), so that the arm that predicts least would win; it holds {names}: "
            "add annotated images of more persons, or choose others with another --seed"
        )
    return (
        f"{text} (pixels to ignore left out), so that test scores would be meaningless; mark subjects with the "
        "target as test, or give these images the split train"
    )


def _trained_on(config: TrialConfig) -> str:
    return "+".join([*(["real"] if config.data.real else []), *config.data.generations])


@functools.lru_cache(maxsize=256)
def _table(classes: tuple[tuple[str, int], ...], label: str) -> NDArray[np.uint8]:
    return channel_codes(dict(classes), (label,))


def _classes_present(decoded: Decoded) -> NDArray[np.bool_]:
    """Return the class indices present in each mask, (N, 256)."""
    return np.stack([np.bincount(mask.reshape(-1), minlength=_CLASSES) > 0 for mask in decoded.masks])
