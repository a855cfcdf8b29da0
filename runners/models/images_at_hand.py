"""The test images of a trial, to check graphs on and to show in a model card."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from runners.core.trial_state import TrialState
from runners.models.explain_images import RecordedImage, recorded_images
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.unchanged_inputs import check_data_unchanged
from seatbelt.config.notation import classes_of
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE, decode
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError
from seatbelt.inference.export import CheckImage, mask_iou
from seatbelt.inference.model import Model
from seatbelt.inference.overlay import Mask, example, jpeg
from seatbelt.inference.prediction import Image

_CHECKED = 16
"""Most images on which a graph is compared with the model."""
_PICTURE_WIDTH = 420
"""Largest width of each part of an example picture, pixels."""


class ImagesAtHand:
    """The test images of a trial on this machine, or its selection images if it has no test images."""

    def __init__(
        self, data: SweepData, samples: tuple[Sample, ...], target: str, recorded: Sequence[RecordedImage]
    ) -> None:
        self._data, self._samples, self._target = data, samples, target
        self._recorded = {(item.dataset, item.image): item for item in recorded}

    def to_check(self) -> list[CheckImage]:
        """Return images spread over all, at their own size."""
        count = min(_CHECKED, len(self._samples))
        chosen = [self._samples[index * len(self._samples) // count] for index in range(count)]
        return [self._image(sample) for sample in chosen]

    def examples(self, model: Model) -> list[tuple[str, bytes]]:
        """Return caption and picture of the best, the median and the worst image with the target."""
        recorded = [
            (self._recorded[key].iou, sample)
            for sample in self._samples
            if (key := self._key(sample)) in self._recorded and self._recorded[key].target > 0
        ]
        ranked = [sample for _, sample in sorted(recorded, key=lambda pair: -pair[0])]
        if not ranked:
            return []
        # Of fewer than three images, none is shown twice.
        ranks = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
        names = {ranked[rank]: name for name, rank in reversed(ranks.items())}
        pictures = []
        for sample, name in sorted(names.items(), key=lambda item: ranks[item[1]]):
            image = self._image(sample)
            assert image.target is not None
            mask = model.predict(image.pixels).mask
            caption = f"{name.capitalize()} test image with {self._target}: IoU {mask_iou(mask, image.target):.3f}"
            pictures.append((caption, jpeg(_example(image.pixels, mask, image.target))))
        return pictures

    def _key(self, sample: Sample) -> tuple[str, str]:
        return self._data.datasets[sample[0]].name, self._data.row(sample).image

    def _image(self, sample: Sample) -> CheckImage:
        dataset = self._data.datasets[sample[0]]
        pixels, mask = decode(dataset, self._data.row(sample))
        numbers = [dataset.classes[name] for name in classes_of(self._target) if name in dataset.classes]
        return CheckImage(
            name=self._data.name_of(sample), pixels=pixels, target=np.isin(mask, numbers) & (mask != IGNORE)
        )


def images_at_hand(folder: SweepFolder, description: SweepDescription, view: TrialState) -> ImagesAtHand:
    """Return the test images of a trial.

    Raises:
        UserError: The data are not on this machine, or changed.
    """
    check_data_unchanged(description)
    with as_recorded(folder):
        config = TrialConfig.model_validate(view.plan.config)
    data = SweepData.of(description)
    parts = data.partition(config)
    return ImagesAtHand(data, parts.test or parts.selection, config.data.target, recorded_images(folder.name, view.key))


def images_for_model(
    folder: SweepFolder, description: SweepDescription, view: TrialState, *, required: bool, say: Callable[[str], None]
) -> ImagesAtHand | None:
    """Return the test images of a trial for checks and the card; None if they may miss and are not on this machine.

    Raises:
        UserError: They are required, and are not on this machine.
    """
    try:
        return images_at_hand(folder, description, view)
    except UserError as error:
        if required:
            raise UserError(f"graphs are checked on the images of the sweep, but {error}") from None
        say(f"the card shows no pictures, because {error}")
        return None


def _example(image: Image, mask: Mask, target: Mask) -> Image:
    """Return a picture of an image and its outcome, at most so wide that three fit a page."""
    height, width = mask.shape
    scale = min(1.0, _PICTURE_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return example(pixels, _shrink(mask, size), _shrink(target, size))


def _shrink(mask: Mask, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT), np.bool_)
