"""Whether images with domain randomisation help."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import IMAGENET, WINNER


def study() -> Study:
    """Return the study."""
    return Study(
        name="randomization",
        question="Do images with domain randomisation help, with and without augmentation?",
        reference="sections 3.3.2 and 4.3, table 4.1",
        factors=(factor("training_data", ["6", "6+randomized"]), factor("augmentation", ["none", "all"])),
        conditions={**WINNER, **IMAGENET},
        protocol=Protocol(epochs=50),
    )
