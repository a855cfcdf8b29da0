"""Whether to train on synthetic images before the real ones."""

from __future__ import annotations

from search_spaces.common import ALL_TRANSFORMS, IMAGENET, six_architectures
from search_spaces.space import Factor, Level, Protocol, Study

_SYNTHETIC = ("2", "3", "4", "5", "6")


def study() -> Study:
    """Return the study."""
    regimes = Factor(
        name="regime",
        levels=(
            Level(label="synthetic", fields=_regime(real=False, generations=_SYNTHETIC, before=())),
            Level(label="real", fields=_regime(real=True, generations=(), before=())),
            Level(label="synthetic_then_real", fields=_regime(real=True, generations=(), before=_SYNTHETIC)),
        ),
    )
    return Study(
        name="pretraining",
        question="Is it better to train on synthetic images before the real ones?",
        reference="sections 3.3.3 and 4.4, figure 4.4",
        factors=(regimes, six_architectures()),
        conditions={**IMAGENET, **ALL_TRANSFORMS},
        protocol=Protocol(epochs=50),
    )


def _regime(*, real: bool, generations: tuple[str, ...], before: tuple[str, ...]) -> dict[str, object]:
    return {"data.real": real, "data.generations": generations, "pretraining.generations": before}
