"""Random streams by purpose: the draws for one purpose never depend on other draws."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Independent random generators, one per purpose, for one image of one generation."""

    name: str
    """Name of the generation."""
    index: int
    """Number of the image within the generation, from 0."""
    seed: int
    """Seed of the data set, not negative."""

    def of(self, purpose: str) -> np.random.Generator:
        """Draws that differ from image to image."""
        return self._generator(purpose, 0, self.index)

    def person(self, purpose: str, person: int) -> np.random.Generator:
        """Draws that all images of one person share."""
        return self._generator(purpose, 1, person)

    def _generator(self, purpose: str, kind: int, number: int) -> np.random.Generator:
        # crc32, because hash() differs between processes.
        words = [self.seed, crc32(self.name.encode()), crc32(purpose.encode()), kind, number]
        return np.random.default_rng(np.random.SeedSequence(words))
