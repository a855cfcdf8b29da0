"""What weights from ImageNet are worth."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, SYNTHETIC, six_architectures


def study() -> Study:
    """Return the study."""
    return Study(
        name="initialization",
        question="What is an encoder worth that begins with weights from ImageNet?",
        reference="sections 3.3.3 and 4.4, figure 4.5",
        factors=(factor("weights", ["imagenet", "none"]), six_architectures()),
        conditions={**SYNTHETIC, **ALL_TRANSFORMS},
        protocol=Protocol(epochs=50),
    )
