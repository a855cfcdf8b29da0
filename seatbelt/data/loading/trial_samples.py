"""The data of a sweep on one node: its data sets, their decoded copies, and the samples of trials."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.config.data import DataConfig
from seatbelt.config.notation import classes_of
from seatbelt.config.trial import TrialConfig
from seatbelt.data.augmentation.colour import CLOTHES, clothes_table
from seatbelt.data.datasets.dataset import IGNORE, DataSet, read
from seatbelt.data.datasets.labels import BACKGROUND, channel_codes, labels_of, missing_classes
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.loading.decoded_cache import Decoded, open_decoded
from seatbelt.data.loading.loader import Samples
from seatbelt.data.partition.splits import ImageCounts, Partition, count_images, partition
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError
from seatbelt.records.sweep import DataSource, SweepRecord, TrainedOn


@dataclass(frozen=True, kw_only=True)
class TrialSamples:
    """The decoded samples of one trial."""

    train: Samples
    validation: Samples
    selection: Samples
    test: Samples
    test_rows: tuple[tuple[str, Row], ...]
    """Data set name and manifest row of each test sample."""
    counts: ImageCounts


class SweepData:
    """The data sets of a sweep, opened once per process."""

    def __init__(
        self,
        sources: tuple[DataSource, ...],
        selection: tuple[Sample, ...],
        *,
        subjects_per_data_set: bool = True,
        trained_on: TrainedOn = "training",
    ) -> None:
        self.sources = sources
        self.selection = selection
        self.subjects_per_data_set = subjects_per_data_set
        self.trained_on = trained_on
        self.datasets: list[DataSet] = [_read_once(source.path, source.fingerprint) for source in sources]

    @classmethod
    def of(cls, sweep: SweepRecord) -> SweepData:
        """Return the data of a recorded sweep."""
        return cls(
            sweep.data,
            sweep.selection,
            subjects_per_data_set=sweep.subjects_per_data_set,
            trained_on=sweep.trained_on,
        )

    def partition(self, config: TrialConfig) -> Partition:
        """Return the training, validation, selection and test samples of a trial.

        Raises:
            UserError: There is nothing to train on, or a data set of the trial lacks a label.
        """
        parts = partition(
            self.datasets,
            config.data,
            self.selection,
            seed=config.seed,
            subjects_per_data_set=self.subjects_per_data_set,
        )
        self._check_labels(config.data, parts)
        self._check_clothes(config, parts)
        return parts if self.trained_on == "training" else self._with_held_out(parts, config.data)

    def samples(self, config: TrialConfig, progress: Callable[[int, int], None] | None = None) -> TrialSamples:
        """Return the decoded samples of a trial; the first caller on a node builds the decoded cache."""
        parts = self.partition(config)
        decoded = self.decoded(config, progress)
        codes = tuple(channel_codes(dataset.classes, labels_of(config.data)) for dataset in self.datasets)
        train = Samples(decoded=decoded, codes=codes, indices=parts.train)
        return TrialSamples(
            train=dataclasses.replace(train, clothes=self._clothes(config)),
            validation=dataclasses.replace(train, indices=parts.validation),
            selection=dataclasses.replace(train, indices=parts.selection),
            test=dataclasses.replace(train, indices=parts.test),
            test_rows=tuple((self.datasets[d].name, self.datasets[d].rows[r]) for d, r in parts.test),
            counts=count_images(self.datasets, parts),
        )

    def decoded(self, config: TrialConfig, progress: Callable[[int, int], None] | None = None) -> tuple[Decoded, ...]:
        """Return the decoded copy of each data set at the resolution of a trial."""
        return tuple(
            open_decoded(
                dataset,
                source.fingerprint,
                height=config.data.height,
                width=config.data.width,
                progress=progress,
            )
            for dataset, source in zip(self.datasets, self.sources, strict=True)
        )

    def row(self, sample: Sample) -> Row:
        """Return the manifest row of a sample."""
        return self.datasets[sample[0]].rows[sample[1]]

    def name_of(self, sample: Sample) -> str:
        """Return the image of a sample with the name of its data set."""
        return f"{self.datasets[sample[0]].name}: {self.row(sample).image}"

    def _with_held_out(self, parts: Partition, config: DataConfig) -> Partition:
        """Return the parts of a final training: what is held out otherwise trains too.

        The validation part and the selection set stay what they are, so that the schedule and the tables have their
        numbers, which say nothing of new images. Images of a domain that the arm does not train on are left out.
        """
        tested = parts.test if self.trained_on == "everything" else ()
        further = [
            sample
            for sample in dict.fromkeys((*parts.validation, *parts.selection, *tested))
            if (config.real if self.row(sample).domain == "real" else config.generations)
        ]
        present = set(parts.train)
        train = (*parts.train, *(sample for sample in further if sample not in present))
        return dataclasses.replace(parts, train=train, test=() if tested else parts.test)

    def _check_labels(self, config: DataConfig, parts: Partition) -> None:
        used = {dataset for dataset, _ in (*parts.train, *parts.validation)}
        scored = {dataset for dataset, _ in (*parts.selection, *parts.test)}
        for index, dataset in enumerate(self.datasets):
            labels = labels_of(config) if index in used else (config.target,) if index in scored else ()
            missing = missing_classes(dataset.classes, labels)
            if missing:
                names = ", ".join(name for name in dataset.classes if name != BACKGROUND)
                raise UserError(
                    f"data set {dataset.root}: has no class {', '.join(missing)} (it has: {names}); choose "
                    "another with --fix target=... or context=..."
                )

    def _clothes(self, config: TrialConfig) -> tuple[NDArray[np.uint8], ...]:
        if not colours_clothes(config):
            return ()
        target = classes_of(config.data.target)
        return tuple(clothes_table(dataset.classes, target) for dataset in self.datasets)

    def _check_clothes(self, config: TrialConfig, parts: Partition) -> None:
        tables = self._clothes(config)
        for index in sorted({dataset for dataset, _ in parts.train}) if tables else ():
            if not tables[index].any():
                dataset = self.datasets[index]
                names = ", ".join(name for name in dataset.classes if name != BACKGROUND)
                raise UserError(
                    f"data set {dataset.root}: clothes_colour needs a class of clothes ({', '.join(CLOTHES)}), but it "
                    f"has: {names}; leave it off, or rename the class in dataset.json"
                )


def colours_clothes(config: TrialConfig) -> bool:
    """Return whether a trial needs to know where clothes are."""
    return "clothes_colour" in config.augmentation.transforms


def target_masks(samples: Samples) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the masks of the target and of the valid pixels, both (N, H, W)."""
    codes = np.stack([samples.read(position)[1] for position in range(len(samples))])
    return codes == 1, codes != IGNORE


@functools.lru_cache(maxsize=32)
def _read_once(path: str, fingerprint: str) -> DataSet:
    """Return a data set; its fingerprint is part of the key, so that changed data are read again."""
    del fingerprint
    return read(Path(path))
