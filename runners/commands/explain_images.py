"""Which images of a trial are explained, and what is recorded of them."""

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
class Recorded:
    """What the images table tells of a test image."""

    dataset: str
    image: str
    iou: float
    predicted: int
    """Pixels."""
    target: int
    """Pixels."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """An image that is explained."""

    sample: Sample
    """(data set, row)."""
    dataset: str
    image: str
    part: str
    """What it is to the trial: train, validation, selection, test, or unused."""
    why: str
    """In words, for the panel."""
    recorded: Recorded | None
    """Of test images."""


def recorded_images(root: str, key: str) -> list[Recorded]:
    """Return what is recorded of a trial's test images, the best first.

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
            Recorded(
                dataset=str(row["dataset"]),
                image=str(row["image"]),
                iou=float(row["iou"]),
                predicted=int(row["predicted"]),
                target=int(row["target"]),
            )
            for row in rows(sweep, query, [key], table="images")
        ]


def choose(
    names: tuple[str, ...], recorded: list[Recorded], data: SweepData, parts: Partition, *, root: str, key: str
) -> list[Chosen]:
    """Find the images that a person named, or the best and the worst test image that shows the target.

    Args:
        names: Paths in their data set, or `DATASET:PATH`; none for the best and the worst.
        recorded: What `recorded_images` returns.
        data: The data sets of the sweep.
        parts: Who trains, selects and tests in the trial.
        root: The sweep, for messages.
        key: The trial, for messages.

    Raises:
        UserError: No data set or more than one has an image of that name, or no test image shows the target.
    """
    if names:
        return [_named(name, recorded, data, parts, root) for name in dict.fromkeys(names)]
    shown = [item for item in recorded if item.target > 0]
    if not shown:
        raise UserError(f"{root} records no test image with the target for trial {key}; name images by --images")
    ends = [(shown[0], "best test image"), (shown[-1], "worst test image")]
    return [
        _chosen(_find(f"{item.dataset}:{item.image}", data, root), why, recorded, data, parts)
        for item, why in (ends if len(shown) > 1 else ends[:1])
    ]


def _named(name: str, recorded: list[Recorded], data: SweepData, parts: Partition, root: str) -> Chosen:
    return _chosen(_find(name, data, root), "", recorded, data, parts)


def _find(name: str, data: SweepData, root: str) -> Sample:
    found = [
        (d, r)
        for d, dataset in enumerate(data.datasets)
        for r, row in enumerate(dataset.rows)
        if name in (row.image, f"{dataset.name}:{row.image}")
    ]
    if not found:
        some = f"`seatbelt query {root} 'select distinct image from images'` names the test images"
        raise UserError(f"no data set of {root} has an image {name!r}; give its path as in manifest.csv ({some})")
    if len(found) > 1:
        ways = " or ".join(dict.fromkeys(f"{data.datasets[d].name}:{name}" for d, _ in found))
        raise UserError(f"{len(found)} images of {root} are called {name!r}; say {ways}")
    return found[0]


def _chosen(sample: Sample, why: str, recorded: list[Recorded], data: SweepData, parts: Partition) -> Chosen:
    dataset = data.datasets[sample[0]]
    image = dataset.rows[sample[1]].image
    held = {"train": parts.train, "validation": parts.validation, "selection": parts.selection, "test": parts.test}
    # A validation part that is the selection set is called what it is used for.
    part = next((name for name in ("test", "selection", "validation", "train") if sample in held[name]), "unused")
    known = next((item for item in recorded if (item.dataset, item.image) == (dataset.name, image)), None)
    return Chosen(
        sample=sample,
        dataset=dataset.name,
        image=image,
        part=part,
        why=why or f"{part} image",
        recorded=known,
    )
