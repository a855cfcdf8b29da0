"""Which of the 1,024 subsets of ten transforms trains the best model: what the thesis left to others."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import NamedArm, Protocol, Study
from search_spaces.studies.common import IMAGENET, SYNTHETIC, WINNER
from seatbelt.config.augmentation import TRANSFORMS

POLICY = "augmentation.policy"


def study() -> Study:
    """Return the study."""
    everything = {"augmentation.transforms": TRANSFORMS}
    return Study(
        name="augmentation",
        question="Which subset of the ten transforms trains the best model?",
        reference="sections 3.3.1 and 5.2, its future work",
        factors=tuple(factor(name) for name in TRANSFORMS),
        conditions={**WINNER, **IMAGENET, **SYNTHETIC},
        arms=(
            NamedArm(name="none", fields={"augmentation.transforms": ()}),
            NamedArm(name="all_ten", fields=everything),
            NamedArm(name="randaugment", fields={**everything, POLICY: "randaugment"}),
            NamedArm(name="trivialaugment", fields={**everything, POLICY: "trivialaugment"}),
        ),
        protocol=Protocol(epochs=50, propose="factorial", trials=100),
    )
