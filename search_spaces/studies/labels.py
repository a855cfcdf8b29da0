"""Whether learning other labels helps to find the belt."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Condition, Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, IMAGENET, WINNER

SETS = (
    "none",
    "shirt",
    "skin",
    "shirt+skin",
    "shirt+skin+pants",
    "shirt+skin+hair",
    "shirt+skin+pants+hair",
    "all",
)


def study() -> Study:
    """Return the study."""
    return Study(
        name="labels",
        question="Does a model that also learns other labels find the belt better?",
        reference="sections 3.3.4 and 4.5, figure 4.6",
        factors=(factor("context", SETS),),
        conditions={
            **WINNER,
            **IMAGENET,
            **ALL_TRANSFORMS,
            "data.real": Condition(value=False, source="thesis"),
            "data.generations": Condition(value=("6",), source="thesis", note="the first with all labels"),
        },
        protocol=Protocol(epochs=50),
    )
