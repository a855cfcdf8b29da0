"""Surveys the parts of a sweep over all arms: numbers of images, images with the target, unused real images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from seatbelt.data.checks.identical_images import check_no_image_in_two_parts
from seatbelt.data.checks.label_coverage import (
    LabelCounter,
    NamedConfig,
    TargetCount,
    describe_missing_context,
    describe_missing_target,
    describe_no_receivers,
)
from seatbelt.data.datasets.labels import FEW
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import Partition
from seatbelt.data.partition.subjects import Sample, describe_missing_subjects
from seatbelt.errors import UserError

_LARGE_SELECTION = 0.4
"""A selection set with a larger share of the training images is reported; about 30 % are intended."""


@dataclass
class Range:
    """Smallest and largest number over the arms."""

    low: int
    high: int

    def include(self, value: int) -> None:
        """Widen the range to a value."""
        self.low, self.high = min(self.low, value), max(self.high, value)

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(kw_only=True)
class PartsSurvey:
    """The parts of a sweep."""

    data: SweepData
    images: dict[str, Range] = field(default_factory=dict)
    """`train`, `validation`, `selection`, `test` -> number of images of an arm."""
    with_target: dict[tuple[str, str], Range] = field(default_factory=dict)
    """(target, `training`, `selection` or `test`) -> number of different images that show it."""
    different: dict[tuple[str, str], Range] = field(default_factory=dict)
    """(target, part) -> number of different images."""
    trained: set[Sample] = field(default_factory=set)
    """Images that some arm trains on or validates with."""
    selection: set[Sample] = field(default_factory=set)
    test: set[Sample] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    """Why arms cannot be trained or scored."""
    without_receivers: list[str] = field(default_factory=list)
    """Warnings that `copy_paste` changes nothing in an arm."""
    few: dict[str, str] = field(default_factory=dict)
    """Part -> warning that few of its images show the target."""

    def add(self, parts: Partition) -> None:
        """Include the images of an arm."""
        self.trained.update(parts.train, parts.validation)
        self.selection.update(parts.selection)
        self.test.update(parts.test)

    def count(self, parts: Partition, target: str, counts: dict[str, TargetCount]) -> None:
        """Include the numbers of an arm."""
        for name in ("train", "validation", "selection", "test"):
            number = len(getattr(parts, name))
            self.images.setdefault(name, Range(number, number)).include(number)
        for part, count in counts.items():
            for ranges, number in ((self.with_target, count.with_target), (self.different, count.images)):
                ranges.setdefault((target, part), Range(number, number)).include(number)

    def warnings(self, domain: str, *, why_not_real: str) -> list[str]:
        """Return warnings before the first trial.

        Args:
            domain: The target domain.
            why_not_real: Why trials train on no real images; empty if they do.
        """
        rows = [row for dataset in self.data.datasets for row in dataset.rows if row.domain == domain]
        subjects = describe_missing_subjects(sum(not row.subject for row in rows), len(rows))
        training = sum(row.split != "test" for row in rows)
        large = len(self.selection) > _LARGE_SELECTION * training
        unused = self.unused_real()
        return [
            *([subjects] if subjects else []),
            *self.few.values(),
            *self.without_receivers,
            *([_large_text(len(self.selection), training, domain)] if large else []),
            *([_unused_text(unused, why_not_real)] if unused else []),
        ]

    def unused_real(self) -> int:
        """Return the number of real images for training that no arm uses."""
        used = self.trained | self.selection | self.test
        return sum(
            row.domain == "real" and row.split != "test" and (d, r) not in used
            for d, dataset in enumerate(self.data.datasets)
            for r, row in enumerate(dataset.rows)
        )


def survey_parts(
    data: SweepData, arms: Iterable[NamedConfig], *, unnamed_context: tuple[str, ...] | None = None
) -> PartsSurvey:
    """Survey the parts of all arms.

    Args:
        data: Data of the sweep; images are decoded unless they are already.
        arms: The arms and the stages that they begin with.
        unnamed_context: Labels that the user did not name, so that it is no fault if no image shows them. None checks
            no context.
    """
    survey, counter, arms = PartsSurvey(data=data), LabelCounter(data), list(arms)
    pasting = {config.data for _, config in arms if "copy_paste" in config.augmentation.transforms}
    # The first arm stands for all arms with the same data.
    by_data = {config.data: (name, config) for name, config in reversed(arms)}
    for name, config in reversed(by_data.values()):
        parts = data.partition(config)
        counts = counter.parts(config, parts)
        survey.add(parts)
        if not name.endswith("(pretraining)"):
            survey.count(parts, config.data.target, counts)
        fault = describe_missing_target(data, name, config, counts)
        if fault is None and unnamed_context is not None and config.data.context != unnamed_context:
            fault = describe_missing_context(counter, config, parts.train)
        survey.faults += [fault] if fault else []
        idle = describe_no_receivers(config, counts["training"]) if config.data in pasting else None
        survey.without_receivers += [idle] if idle else []
        for part, count in counts.items():
            if 0 < count.with_target < FEW:
                arm = f" of the arm {name}" if name and part == "training" else ""
                text = (
                    f"{config.data.target} appears in only {count} {part} images{arm}: "
                    "single images determine the score"
                )
                survey.few.setdefault(part, text)
    if pasting and len(survey.without_receivers) == len(pasting):
        survey.faults.append(survey.without_receivers[0])
    return survey


def check_parts(survey: PartsSurvey, arms: list[NamedConfig]) -> None:
    """Refuse a sweep whose parts cannot rank its arms honestly.

    Raises:
        UserError: A part never shows the target, or holds an image of another part.
    """
    if survey.faults:
        raise UserError(survey.faults[0])
    held_out = survey.selection | survey.test
    parts = {"training": survey.trained - held_out, "selection": survey.selection, "test": survey.test}
    check_no_image_in_two_parts(survey.data, survey.data.decoded(arms[0][1]), parts)


def _large_text(selected: int, training: int, domain: str) -> str:
    return (
        f"the selection set has {selected} of the {training} {domain} images for training ({selected / training:.0%}), "
        "since people are held out as a whole; images of more people would leave more to train on"
    )


def _unused_text(count: int, why_not_real: str) -> str:
    images = f"{count} real training image{'s are' if count > 1 else ' is'} not used by any arm"
    if not why_not_real:
        return f"{images}; see --fix sources=..."
    return f"{images} ({why_not_real}); --fix real=true trains on {'them' if count > 1 else 'it'} too"
