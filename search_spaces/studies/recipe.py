"""The thesis' training recipe against what is usual today."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Condition, Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, IMAGENET, SYNTHETIC, WINNER


def study() -> Study:
    """Return the study."""
    return Study(
        name="recipe",
        question="Which parts of a recipe of today improve on the thesis' training?",
        reference="none; section 3.3 is its first level",
        factors=(
            factor("schedule", ["plateau", "cosine"]),
            factor("optimizer", ["adam", "adamw"]),
            factor("loss", ["bce+dice+iou", "bce+lovasz"]),
            factor("horizontal_flip", ["off", "on"]),
            factor("averaging", ["none", "0.99"]),
        ),
        conditions={
            **WINNER,
            **IMAGENET,
            **SYNTHETIC,
            **ALL_TRANSFORMS,
            "augmentation.probabilities.horizontal_flip": Condition(
                value=0.5, source="ours", note="a flipped image is as good as another one"
            ),
        },
        protocol=Protocol(epochs=50, replicates=2, propose="exhaustive", design="fractional-16"),
    )
