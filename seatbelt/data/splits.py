"""Who trains, who selects, who tests: fixed by subject, before the first trial.

The selection set of a sweep is one: the images of held-out training subjects of the target domain (the
thesis holds out two of seven persons). Every arm is ranked by it. Where an arm trains on real images too,
the same subjects are its validation part: the thesis' 70/30 split by person; a second hold-out would leave
it three persons to train on (docs/decisions/0004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatbelt.config import DataConfig
from seatbelt.data.dataset import DataSet, Row
from seatbelt.errors import UserError

SELECTION_SHARE = 0.3
"""Share of the training subjects that select (thesis 3.3: 70/30 by test persons)."""

Sample = tuple[int, int]
"""Index of a data set among those of the sweep, and of a row in its manifest."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The samples of one trial. No subject is in two of training, selection and test."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    selection: tuple[Sample, ...]
    test: tuple[Sample, ...]


def selection_set(datasets: list[DataSet], *, domain: str = "real", seed: int = 0) -> tuple[Sample, ...]:
    """Choose the sweep's selection set: all images of about 30 % of the training subjects.

    Args:
        datasets: Those of the sweep, in their order.
        domain: The target domain, `real` or `synthetic`.
        seed: Of the choice of subjects.

    Raises:
        UserError: The domain has fewer than two training subjects.
    """
    pool = [s for s in _samples(datasets) if _row(datasets, s).domain == domain]
    pool = [s for s in pool if _row(datasets, s).split != "test"]
    subjects = sorted({_subject(datasets, s) for s in pool})
    if len(subjects) < 2:
        raise UserError(
            f"the data sets hold {len(subjects)} training subjects of the {domain} domain, but a selection "
            "set needs at least 2; add images, or name another target domain with --select-on"
        )
    count = min(len(subjects) - 1, max(1, round(SELECTION_SHARE * len(subjects))))
    chosen = np.random.default_rng([seed, 1]).permutation(len(subjects))[:count]
    held_out = {subjects[i] for i in chosen}
    return tuple(s for s in pool if _subject(datasets, s) in held_out)


def partition(datasets: list[DataSet], config: DataConfig, selection: tuple[Sample, ...], *, seed: int) -> Partition:
    """Return the samples of one trial.

    Args:
        datasets: Those of the sweep, in their order.
        config: What the trial trains on.
        selection: The sweep's selection set.
        seed: The trial's seed: it draws the synthetic validation part and the mixture.

    Raises:
        UserError: Nothing to train on, or too few images for the mixture that was asked for.
    """
    domain = _row(datasets, selection[0]).domain
    held_out = {_subject(datasets, s) for s in selection}
    everything = list(_samples(datasets))
    # Nobody who is tested on, in whatever split or domain, is ever trained on.
    tested = {_subject(datasets, s) for s in everything if _row(datasets, s).split == "test"}
    trainable = [s for s in everything if _subject(datasets, s) not in tested]
    real = [s for s in trainable if config.real and _row(datasets, s).domain == "real"]
    synthetic = [s for s in trainable if _row(datasets, s).generation in config.generations]
    synthetic = [s for s in synthetic if _row(datasets, s).domain == "synthetic"]
    _check_present(datasets, config, real, synthetic)
    if config.synthetic_share is not None:
        synthetic = _mixture(real, synthetic, config.synthetic_share, seed)
    synthetic = [s for s in synthetic if _subject(datasets, s) not in held_out]
    order = np.random.default_rng([seed, 2]).permutation(len(synthetic))
    held = {synthetic[i] for i in order[: round(config.validation_share * len(synthetic))]}
    train = [s for s in real if _subject(datasets, s) not in held_out]
    train += [s for s in synthetic if s not in held]
    if len(train) < 2:
        raise UserError(f"{len(train)} images are left to train on, but at least 2 are needed; add images")
    test = [s for s in everything if _row(datasets, s).split == "test" and _row(datasets, s).domain == domain]
    validation = sorted(held) + (list(selection) if config.real else [])
    return Partition(
        train=tuple(train),
        validation=tuple(validation) or tuple(selection),
        selection=selection,
        test=tuple(test),
    )


def _samples(datasets: list[DataSet]) -> list[Sample]:
    return [(d, r) for d, dataset in enumerate(datasets) for r in range(len(dataset.rows))]


def _row(datasets: list[DataSet], sample: Sample) -> Row:
    return datasets[sample[0]].rows[sample[1]]


def _subject(datasets: list[DataSet], sample: Sample) -> tuple[int, str]:
    row = _row(datasets, sample)
    # An image without a subject is a subject of its own.
    return (sample[0], row.subject or f"image {row.image}")


def _check_present(datasets: list[DataSet], config: DataConfig, real: list[Sample], synthetic: list[Sample]) -> None:
    if config.real and not real:
        raise UserError("the data sets hold no real training images, but the trial trains on real ones")
    present = {_row(datasets, s).generation for s in synthetic}
    missing = [name for name in config.generations if name not in present]
    if missing:
        have = {row.generation for dataset in datasets for row in dataset.rows if row.domain == "synthetic"}
        raise UserError(
            f"the data sets hold no training images of generation {', '.join(missing)} "
            f"(they hold: {', '.join(sorted(have)) or 'none'}); add them with --data, or choose others with "
            "--fix generations=..."
        )


def _mixture(real: list[Sample], synthetic: list[Sample], share: float, seed: int) -> list[Sample]:
    # The thesis' table 3.5: all real training images, and as many synthetic ones as the share asks for.
    total = int(len(real) / (1 - share) + 0.5 + 1e-9)
    count = total - len(real)
    if count > len(synthetic):
        raise UserError(
            f"a synthetic share of {share:g} beside {len(real)} real images needs {count} synthetic images, "
            f"but there are {len(synthetic)}; add images or lower synthetic_share"
        )
    order = np.random.default_rng([seed, 3]).permutation(len(synthetic))[:count]
    return [synthetic[i] for i in sorted(order)]
