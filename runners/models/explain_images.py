"""Chooses the images of a trial to explain, and reads their recorded scores."""

from __future__ import annotations

from dataclasses import dataclass

from analysis import load
from analysis.reading.duckdb import rows
from analysis.reading.tables import readable
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import Partition
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class RecordedImage:
    """A test image in the images table."""

    dataset: str
    image: str
    iou: float
    predicted: int
    """Pixels."""
    target: int
    """Pixels."""


@dataclass(frozen=True, kw_only=True)
class ChosenImage:
    """An image to explain."""

    sample: Sample
    """(data set, row)."""
    dataset: str
    image: str
    part: str
    """Its part in the trial: train, validation, selection, test, or unused."""
    why: str
    """Reason for the choice, for the panel."""
    recorded: RecordedImage | None
    """None unless it is a test image."""


def recorded_images(root: str, key: str) -> list[RecordedImage]:
    """Return the recorded test images of a trial, best first.

    Raises:
        UserError: The tables cannot be read.
    """
    sweep = load(root)
    query = """
        select dataset, image, iou, predicted, target from images
        where trial_key = ? order by iou desc, dataset, image
    """
    with readable(sweep):
        return [
            RecordedImage(
                dataset=str(row["dataset"]),
                image=str(row["image"]),
                iou=float(row["iou"]),
                predicted=int(row["predicted"]),
                target=int(row["target"]),
            )
            for row in rows(sweep, query, [key], table="images")
        ]


def choose(
    names: tuple[str, ...], recorded: list[RecordedImage], data: SweepData, parts: Partition, *, root: str, key: str
) -> list[ChosenImage]:
    """Return the images that a user named, or the best and the worst test image that shows the target.

    Args:
        names: Paths in their data set, or `DATASET:PATH`; none for the best and the worst.
        recorded: The result of `recorded_images`.
        data: The data sets of the sweep.
        parts: The parts of the trial.
        root: The sweep, for messages.
        key: The trial, for messages.

    Raises:
        UserError: No data set or more than one has an image of that name, or no test image shows the target.
    """
    if names:
        return [_named(name, recorded, data, parts, root) for name in dict.fromkeys(names)]
    with_target = [item for item in recorded if item.target > 0]
    if not with_target:
        raise UserError(f"{root} records no test image with the target for trial {key}; name images by --images")
    ends = [(with_target[0], "best test image"), (with_target[-1], "worst test image")]
    return [
        _chosen(_find(f"{item.dataset}:{item.image}", data, root), why, recorded, data, parts)
        for item, why in (ends if len(with_target) > 1 else ends[:1])
    ]


def _named(name: str, recorded: list[RecordedImage], data: SweepData, parts: Partition, root: str) -> ChosenImage:
    return _chosen(_find(name, data, root), "", recorded, data, parts)


def _find(name: str, data: SweepData, root: str) -> Sample:
    samples = [
        (d, r)
        for d, dataset in enumerate(data.datasets)
        for r, row in enumerate(dataset.rows)
        if name in (row.image, f"{dataset.name}:{row.image}")
    ]
    if not samples:
        some = f"`seatbelt query {root} 'select distinct image from images'` names the test images"
        raise UserError(f"no data set of {root} has an image {name!r}; give its path as in manifest.csv ({some})")
    if len(samples) > 1:
        ways = " or ".join(dict.fromkeys(f"{data.datasets[d].name}:{name}" for d, _ in samples))
        raise UserError(f"{len(samples)} images of {root} are called {name!r}; write {ways}")
    return samples[0]


def _chosen(sample: Sample, why: str, recorded: list[RecordedImage], data: SweepData, parts: Partition) -> ChosenImage:
    dataset = data.datasets[sample[0]]
    image = dataset.rows[sample[1]].image
    members = {"train": parts.train, "validation": parts.validation, "selection": parts.selection, "test": parts.test}
    # The selection set may serve for validation too; it is called selection then.
    part = next((name for name in ("test", "selection", "validation", "train") if sample in members[name]), "unused")
    row = next((item for item in recorded if (item.dataset, item.image) == (dataset.name, image)), None)
    return ChosenImage(
        sample=sample,
        dataset=dataset.name,
        image=image,
        part=part,
        why=why or f"{part} image",
        recorded=row,
    )
