"""Subjects: the persons on the images of several data sets, and images without a subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seatbelt.data.datasets.dataset import DataSet
from seatbelt.errors import UserError

Sample = tuple[int, int]
"""Index of a data set among those of the sweep, and of a row in its manifest."""

Subject = tuple[int, str]
"""The index of a data set and a person; -1 if the name means one person in all data sets."""

SubjectOf = Callable[[Sample], Subject]
"""The subject of a sample."""

_ALL_DATA_SETS = -1


def subjects_of(datasets: Sequence[DataSet], *, per_data_set: bool) -> SubjectOf:
    """Return a function from a sample to its subject; each image without a subject is a separate subject."""

    def subject(sample: Sample) -> Subject:
        row = datasets[sample[0]].rows[sample[1]]
        if not row.subject:
            return sample[0], f"image {row.image}"
        return sample[0] if per_data_set else _ALL_DATA_SETS, row.subject

    return subject


def share_subjects(datasets: Sequence[DataSet]) -> bool:
    """Return whether two data sets have a subject name in common."""
    names = [{row.subject for row in dataset.rows if row.subject} for dataset in datasets]
    return sum(map(len, names)) > len(set().union(*names))


def check_subjects(datasets: Sequence[DataSet]) -> None:
    """Refuse subject names that train in one data set and test in another.

    Raises:
        UserError: There is such a subject; the message names the first one.
    """
    split_of: dict[str, tuple[str, DataSet]] = {}
    crossing: dict[str, str] = {}
    for dataset in datasets:
        for row in (row for row in dataset.rows if row.subject):
            split = row.split or "train"
            first, other = split_of.setdefault(row.subject, (split, dataset))
            if first != split:
                crossing.setdefault(row.subject, f"{first} in {other.root}, {split} in {dataset.root}")
    if crossing:
        subject, where = next(iter(sorted(crossing.items())))
        more = f" (and {len(crossing) - 1} more subjects)" if len(crossing) > 1 else ""
        raise UserError(
            f"subject {subject} is in two splits: {where}{more}; put all images of one person into one split, or use "
            "--subjects-per-data-set if equal names are different people"
        )


def describe_missing_subjects(missing: int, images: int) -> str | None:
    """Return a warning for images without a subject, None if each has one."""
    if not missing:
        return None
    many = f"{missing} of {images} images have" if images > 1 else "the only image has"
    return (
        f"{many} no subject: each counts as a separate person, so that frames of one drive can be in training, "
        "selection and test at once, and scores are too high; name subjects when importing (--subjects, "
        "--subject-pattern) or in manifest.csv"
    )
