"""Whether to train on synthetic images before the real ones."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, IMAGENET, six_architectures


def study() -> Study:
    """Return the study."""
    return Study(
        name="pretraining",
        question="Is it better to train on synthetic images before the real ones?",
        reference="sections 3.3.3 and 4.4, figure 4.4",
        factors=(factor("regime"), six_architectures()),
        conditions={**IMAGENET, **ALL_TRANSFORMS},
        protocol=Protocol(epochs=50),
    )
