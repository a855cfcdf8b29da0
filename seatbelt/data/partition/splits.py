"""The splits by subject for training, selection and test, fixed before the first trial.

A sweep has one selection set: the images of held-out training subjects of the target domain (the thesis holds out two
of seven persons). It ranks every arm. If an arm also trains on real images, the same subjects are its validation part,
as in the thesis' 70/30 split by person; a second hold-out would leave three persons for training (docs/decisions/0004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatbelt.config.data import DataConfig
from seatbelt.config.notation import generation_names
from seatbelt.data.datasets.dataset import DataSet
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.partition.composition import TagOf
from seatbelt.data.partition.mixture import draw, most_images
from seatbelt.data.partition.subjects import Sample, Subject, SubjectOf, subjects_of
from seatbelt.errors import UserError

SELECTION_SHARE = 0.3
"""Share of the training subjects in the selection set (thesis 3.3: 70/30 by test persons)."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The samples of one trial.

    No subject is in two of training, selection and test, and no image is in both training and validation. A synthetic
    image may repeat within training or validation.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    selection: tuple[Sample, ...]
    test: tuple[Sample, ...]


@dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """Numbers of images of one trial, as the trials table records them."""

    train_real: int
    train_synthetic: int
    validation_images: int
    selection_images: int
    test_images: int


def selection_set(
    datasets: list[DataSet], *, domain: str = "real", seed: int = 0, subjects_per_data_set: bool = True
) -> tuple[Sample, ...]:
    """Choose the selection set of a sweep: all images of about 30 % of the training subjects.

    Args:
        datasets: The data sets of the sweep, in order.
        domain: The target domain, `real` or `synthetic`.
        seed: Seed of the choice of subjects.
        subjects_per_data_set: True if equal subject names in several data sets are different people.

    Raises:
        UserError: The domain has fewer than two training subjects.
    """
    pool = [s for s in _samples(datasets) if _row(datasets, s).domain == domain]
    pool = [s for s in pool if _row(datasets, s).split != "test"]
    subject_of = subjects_of(datasets, per_data_set=subjects_per_data_set)
    subjects = set(map(subject_of, pool))
    if len(subjects) < 2:
        raise UserError(
            f"the data sets hold {len(subjects)} training subjects of the {domain} domain, but a selection "
            "set needs at least 2; add images, or name another target domain with --select-on"
        )
    held_out = _held_subjects(subjects, [seed, 1])
    return tuple(s for s in pool if subject_of(s) in held_out)


def partition(
    datasets: list[DataSet],
    config: DataConfig,
    selection: tuple[Sample, ...],
    *,
    seed: int,
    subjects_per_data_set: bool = True,
) -> Partition:
    """Return the samples of one trial.

    Args:
        datasets: The data sets of the sweep, in order.
        config: The training data of the trial.
        selection: The selection set of the sweep.
        seed: The seed of the trial, which draws the mixture and the validation part.
        subjects_per_data_set: True if equal subject names in several data sets are different people.

    Raises:
        UserError: There is nothing to train on, or there are too few images for the mixture.
    """
    everything = list(_samples(datasets))
    subject_of = subjects_of(datasets, per_data_set=subjects_per_data_set)
    real, pools = _usable(datasets, config, selection, subject_of)
    synthetic = draw(pools, len(real), config, seed=seed, tag_of=_tag_of(datasets))
    real_train, real_validation = _real_parts(datasets, real, selection, seed, subject_of)
    train = (*real_train, *synthetic.train)
    if len(train) < 2:
        raise UserError(f"{len(train)} images are left to train on, but at least 2 are needed; add images")
    domain = _row(datasets, selection[0]).domain
    test = [s for s in everything if _row(datasets, s).split == "test" and _row(datasets, s).domain == domain]
    return Partition(
        train=train,
        validation=(*synthetic.validation, *real_validation) or selection,
        selection=selection,
        test=tuple(test),
    )


def most_synthetic(
    datasets: list[DataSet], config: DataConfig, selection: tuple[Sample, ...], *, subjects_per_data_set: bool = True
) -> int:
    """Return the largest number of synthetic images of a trial with its shares, for any seed.

    Raises:
        UserError: A stratum with a share has no images.
    """
    subject_of = subjects_of(datasets, per_data_set=subjects_per_data_set)
    _, pools = _usable(datasets, config, selection, subject_of)
    return most_images(pools, config, _tag_of(datasets))


def _usable(
    datasets: list[DataSet], config: DataConfig, selection: tuple[Sample, ...], subject_of: SubjectOf
) -> tuple[list[Sample], dict[str, list[Sample]]]:
    """Return the real images of a mixture, and its usable synthetic images by generation."""
    # Subjects of the selection or test set never train, in any split or domain.
    held_out = {subject_of(s) for s in selection}
    tested = {subject_of(s) for s in _samples(datasets) if _row(datasets, s).split == "test"}
    usable = [s for s in _of_sources(datasets, config) if subject_of(s) not in tested]
    real = [s for s in usable if config.real and _row(datasets, s).domain == "real"]
    pools = {name: _generation(datasets, usable, name) for name in generation_names(config.generations)}
    _check_present(datasets, config, real, pools)
    _check_tags(datasets, config)
    return real, {name: [s for s in pool if subject_of(s) not in held_out] for name, pool in pools.items()}


def _tag_of(datasets: list[DataSet]) -> TagOf:
    return lambda sample, name: _row(datasets, sample).tag(name)


def _check_tags(datasets: list[DataSet], config: DataConfig) -> None:
    rows = [row for dataset in datasets for row in dataset.rows if row.domain == "synthetic"]
    for item in config.composition:
        values = sorted({value for row in rows for name, value in row.tags if name == item.tag})
        if item.value not in values:
            columns = ", ".join(sorted({name for row in rows for name, _ in row.tags})) or "none"
            alternatives = f"{item.tag} is {', '.join(values)}" if values else f"columns of tags: {columns}"
            raise UserError(
                f"no synthetic image of the data sets is tagged {item.key} ({alternatives}); add the column to "
                "manifest.csv, or choose another share"
            )


def count_images(datasets: list[DataSet], parts: Partition) -> ImageCounts:
    """Return the numbers of images in the parts of a trial; repeated images count repeatedly."""
    real = sum(_row(datasets, s).domain == "real" for s in parts.train)
    return ImageCounts(
        train_real=real,
        train_synthetic=len(parts.train) - real,
        validation_images=len(parts.validation),
        selection_images=len(parts.selection),
        test_images=len(parts.test),
    )


def _real_parts(
    datasets: list[DataSet], real: list[Sample], selection: tuple[Sample, ...], seed: int, subject_of: SubjectOf
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Return the real training and validation images; no person is in both."""
    if not real:
        return (), ()
    selecting = {subject_of(s) for s in selection}
    free = [s for s in real if subject_of(s) not in selecting]
    if _row(datasets, selection[0]).domain == "real":
        return tuple(free), selection
    held = _held_subjects({subject_of(s) for s in free}, [seed, 6])
    return (
        tuple(s for s in free if subject_of(s) not in held),
        tuple(s for s in free if subject_of(s) in held),
    )


def _held_subjects(subjects: set[Subject], key: list[int]) -> set[Subject]:
    """Draw about 30 % of some subjects, at least one, but never all."""
    ordered = sorted(subjects)
    count = min(len(ordered) - 1, max(1, round(SELECTION_SHARE * len(ordered))))
    chosen = np.random.default_rng(key).permutation(len(ordered))[: max(0, count)]
    return {ordered[i] for i in chosen}


def _of_sources(datasets: list[DataSet], config: DataConfig) -> list[Sample]:
    names = [dataset.name for dataset in datasets]
    unknown = sorted(set(config.sources) - set(names))
    if unknown:
        raise UserError(
            f"no data set is called {', '.join(unknown)} (there are: {', '.join(names)}); choose with --fix sources=..."
        )
    return [s for s in _samples(datasets) if not config.sources or names[s[0]] in config.sources]


def _generation(datasets: list[DataSet], samples: list[Sample], name: str) -> list[Sample]:
    rows = ((s, _row(datasets, s)) for s in samples)
    return [s for s, row in rows if row.domain == "synthetic" and row.generation == name]


def _samples(datasets: list[DataSet]) -> list[Sample]:
    return [(d, r) for d, dataset in enumerate(datasets) for r in range(len(dataset.rows))]


def _row(datasets: list[DataSet], sample: Sample) -> Row:
    return datasets[sample[0]].rows[sample[1]]


def _check_present(
    datasets: list[DataSet], config: DataConfig, real: list[Sample], pools: dict[str, list[Sample]]
) -> None:
    where = f"data sets {', '.join(config.sources)}" if config.sources else "data sets"
    if config.real and not real:
        raise UserError(f"the {where} hold no real training images, but the trial trains on real ones")
    missing = [name for name, pool in pools.items() if not pool]
    if missing:
        rows = (_row(datasets, s) for s in _of_sources(datasets, config))
        have = sorted({row.generation for row in rows if row.domain == "synthetic"})
        raise UserError(
            f"the {where} hold no training images of generation {', '.join(missing)} "
            f"(they hold: {', '.join(have) or 'none'}); add them with --data, or choose others with "
            "--fix generations=..."
        )
