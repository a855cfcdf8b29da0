"""Which of the thirty architectures finds the seat belt best (thesis figure 4.1)."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Condition, Protocol, Study
from seatbelt.config.augmentation import TRANSFORMS


def study() -> Study:
    """Return the study."""
    return Study(
        name="architecture",
        question="Which pair of encoder and decoder finds the seat belt best?",
        reference="sections 3.1 and 4.1, figure 4.1",
        factors=(factor("encoder"), factor("decoder")),
        conditions={
            "data.generations": Condition(
                value=("3", "4", "5"),
                source="thesis",
                note="figure 4.1's caption; section 3.5 says all but the first",
            ),
            "data.real": Condition(value=False, source="thesis"),
            "model.weights": Condition(value="imagenet", source="thesis"),
            "augmentation.transforms": Condition(value=TRANSFORMS, source="ours", note="not stated: all ten on"),
            "model.output_stride": Condition(value=16, source="ours", note="the same for both DeepLab decoders"),
        },
        protocol=Protocol(epochs=50, replicates=1, propose="exhaustive", prune="none"),
    )
