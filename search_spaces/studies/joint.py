"""All that can be chosen, at once."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Exclusion, Protocol, Study
from search_spaces.studies.hyperparameters import LEVELS
from seatbelt.config.augmentation import TRANSFORMS

_SIX = "what the occupants wear is labelled in generation 6 only"
_OLDER = ("1", "2", "3", "4", "5", "3-5", "real+3-5")


def study() -> Study:
    """Return the study."""
    return Study(
        name="joint",
        question="Which configuration finds the belt best, everything considered?",
        reference="none",
        factors=(
            factor("encoder"),
            factor("decoder"),
            factor("weights"),
            factor("training_data", ["real", "3-5", "2-6", "real+3-5", "real+2-6"]),
            factor("pretraining", ["none", "2-6"]),
            factor("context", ["none", "shirt+skin"]),
            *(factor(name) for name in TRANSFORMS),
            *(factor(name, levels) for name, levels in LEVELS.items() if name not in ("encoder_depth",)),
        ),
        exclusions=(Exclusion(reason=_SIX, labels={"context": ("shirt+skin",), "training_data": _OLDER}),),
        protocol=Protocol(epochs=50, propose="factorial", prune="asha", trials=300),
    )
