"""Augmentation of training images: which transforms an image gets, and how strongly.

Every transform has its own random stream, derived from (seed, epoch, index, transform). Switching one transform off
does not change the draws of the others, so that arms can be compared in pairs. A common stream would be a hidden fault:
albumentations seeds all members of a Compose alike, so that all apply together or not at all.

The first draw of each stream decides. `independent`: whether it is below the transform's probability. `randaugment`
(arXiv:1909.13719): the transforms with the smallest draws are applied. `trivialaugment` (arXiv:2103.10158): the
transform with the smallest draw, at k/30 of its strength with k uniform on 0 to 30. So another transform takes the
place of one that is switched off, and nothing else changes. Unlike in the papers, both policies draw without
replacement, keep the fixed order, and do not contain the identity. Their pool is what is switched on.
"""

from __future__ import annotations

import functools
import hashlib
from typing import cast

import cv2
import numpy as np

from seatbelt.config.augmentation import TRANSFORMS, AugmentationConfig
from seatbelt.data.augmentation.library import build_library_step
from seatbelt.data.augmentation.registry import APPLICATION_ORDER, BUILDERS, SUPPLEMENTED
from seatbelt.data.augmentation.steps import Pixels, Step, Supplement, SupplementedStep, as_bytes

_LEVELS = 30
"""The strengths of TrivialAugment are k/30 of the largest."""

_LIBRARY = "transform."
"""Prefix of the name of a transform of albumentations."""

_NOTHING = Supplement()


class Augmenter:
    """The augmentation of one trial, independent of earlier calls and cheap to send to loader workers."""

    def __init__(self, config: AugmentationConfig, height: int, width: int) -> None:
        """Build the transforms that are switched on.

        Args:
            config: Which transforms, how often and how strongly.
            height: Training height in pixels.
            width: Training width in pixels.

        Raises:
            UserError: albumentations has no such transform, or refuses a parameter. Unknown parameters are errors, not
                warnings.
        """
        self._config = config
        self._height, self._width = height, width
        named = tuple(name for name in APPLICATION_ORDER if name in config.transforms)
        self._library = {f"{_LIBRARY}{record.name}": record for record in config.library}
        self._names = (*named, *self._library)
        self._steps: dict[tuple[str, float], Step | SupplementedStep] = {}
        for name in self._names:
            self._step(name, self._largest(name))

    def __call__(
        self,
        image: Pixels,
        mask: Pixels,
        *,
        seed: int,
        epoch: int,
        index: int,
        supplement: Supplement = _NOTHING,
    ) -> tuple[Pixels, Pixels]:
        """Augment one sample; the same arguments give the same result in any process and any order.

        Args:
            image: (H, W, 3) RGB.
            mask: (H, W) class numbers, 255 = ignore. 1 is the target for the transforms that know one.
            seed: Seed of the trial.
            epoch: Epoch of the trial.
            index: Number of the sample in the training set, independent of its place in the epoch.
            supplement: What `clothes_colour` and `copy_paste` need, at the training size; without it they change
                nothing.

        Returns:
            New image and mask of the training size. The arguments are not modified.
        """
        assert image.shape[2:] == (3,) and image.dtype == np.uint8, f"{image.shape=} {image.dtype=}"
        assert mask.shape == image.shape[:2] and mask.dtype == np.uint8, f"{mask.shape=} {mask.dtype=}"
        new_image, new_mask = self._fitted(image, mask)
        for name, stream in self._chosen(seed, epoch, index):
            strength = self._strength(name, stream)
            if strength > 0:
                step = self._step(name, strength)
                if name in SUPPLEMENTED:
                    changed = cast("SupplementedStep", step)(new_image, new_mask, stream, supplement)
                else:
                    changed = cast("Step", step)(new_image, new_mask, stream)
                new_image, new_mask = self._fitted(*changed)
        # Steps never write into their arguments, but may return them.
        if np.may_share_memory(new_image, image):
            new_image = new_image.copy()
        return new_image, new_mask.copy() if np.may_share_memory(new_mask, mask) else new_mask

    def applied(self, *, seed: int, epoch: int, index: int) -> tuple[str, ...]:
        """Return the names of the transforms that a call with these arguments applies, in order."""
        return tuple(name for name, _ in self._chosen(seed, epoch, index))

    def _chosen(self, seed: int, epoch: int, index: int) -> list[tuple[str, np.random.Generator]]:
        streams = [(name, _stream(seed, epoch, index, name)) for name in self._names]
        draws = [float(stream.random()) for _, stream in streams]
        if self._config.policy == "independent":
            limits = [self._probability(name) for name in self._names]
        else:
            number = self._config.operations if self._config.policy == "randaugment" else 1
            limits = [sorted([*draws, 1.0])[min(number, len(draws))]] * len(draws)
        return [choice for choice, draw, limit in zip(streams, draws, limits, strict=True) if draw < limit]

    def _strength(self, name: str, stream: np.random.Generator) -> float:
        largest = self._largest(name)
        if self._config.policy != "trivialaugment":
            return largest
        return largest * int(stream.integers(_LEVELS + 1)) / _LEVELS

    def _probability(self, name: str) -> float:
        if name in self._library:
            own = self._library[name].probability
            return self._config.probability if own is None else own
        return self._config.probabilities.of(name, self._config.probability)

    def _largest(self, name: str) -> float:
        """Return the strength of a transform, under TrivialAugment the largest; those of the library have none."""
        return 1.0 if name in self._library else self._config.strengths.of(name, self._config.strength)

    def _step(self, name: str, strength: float) -> Step | SupplementedStep:
        # A transform of the library is built once, whatever strength TrivialAugment draws.
        key = (name, 1.0 if name in self._library else strength)
        if key not in self._steps:
            if name in self._library:
                self._steps[key] = build_library_step(self._library[name])
            else:
                build = SUPPLEMENTED.get(name) or BUILDERS[name]
                self._steps[key] = build(self._height, self._width, strength)
        return self._steps[key]

    def _fitted(self, image: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
        """Return both at the training size: a rotation by 90 degrees swaps the sides, a crop shortens them."""
        if mask.shape == (self._height, self._width):
            return as_bytes(image), as_bytes(mask)
        size = (self._width, self._height)
        image = as_bytes(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
        return image, as_bytes(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT))


def _stream(seed: int, epoch: int, index: int, name: str) -> np.random.Generator:
    # The ten have the numbers that older results were made with; all others follow from their names.
    number = TRANSFORMS.index(name) if name in TRANSFORMS else _number(name)
    key = [seed, epoch, index, number, _PURPOSE]
    return np.random.default_rng(np.random.SeedSequence(key))


@functools.cache
def _number(name: str) -> int:
    """Return a number of four bytes, never one of the ten's."""
    return len(TRANSFORMS) + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % (2**32 - 16)


_PURPOSE = 0x617567
"""Separates these streams from all others derived from seed, epoch and index."""
