"""Random numbers with an address: what is drawn for one purpose never depends on what else is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Streams:
    """One independent generator per purpose, for one image of one generation."""

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
        # crc32 and not hash(): the latter differs between processes.
        words = [self.seed, crc32(self.name.encode()), crc32(purpose.encode()), kind, number]
        return np.random.default_rng(np.random.SeedSequence(words))
