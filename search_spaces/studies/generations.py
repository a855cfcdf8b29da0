"""What each generation of synthetic images is worth, alone and together, with and without augmentation."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import IMAGENET, WINNER

SETS = ("1", "2", "3", "4", "5", "6", "3-5", "2-6", "1-6", "real")


def study() -> Study:
    """Return the study."""
    return Study(
        name="generations",
        question="Which synthetic images train the best model, and does augmentation help each of them?",
        reference="sections 3.3 and 4.2, figure 4.2",
        factors=(factor("training_data", SETS), factor("augmentation", ["none", "all"])),
        conditions={**WINNER, **IMAGENET},
        protocol=Protocol(epochs=50),
    )
