"""How many synthetic images to add to the real ones."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Condition, Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, WINNER


def study() -> Study:
    """Return the study."""
    return Study(
        name="mixing",
        question="How many synthetic images should be added to the real ones?",
        reference="sections 3.3.5 and 4.2, figure 4.3, table 3.5",
        factors=(
            factor("synthetic_share", ["0", "0.5", "0.6", "0.7", "0.8", "0.9"]),
            factor("weights", ["imagenet", "none"]),
        ),
        conditions={
            **WINNER,
            **ALL_TRANSFORMS,
            "data.real": Condition(value=True, source="thesis", note="all real training images in every mixture"),
            "data.generations": Condition(value=("5",), source="thesis"),
        },
        protocol=Protocol(epochs=50),
    )
