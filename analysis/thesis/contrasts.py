"""The contrasts of arms behind the findings of the thesis.

Each function takes the levels of a sweep and returns the contrasts that they allow: none if levels are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Levels = Mapping[str, Sequence[str]]
"""Factor -> labels of the levels with complete trials."""

Term = tuple[float, Mapping[str, str]]
"""A coefficient and the levels of a mean over all other factors."""


@dataclass(frozen=True, kw_only=True)
class ArmContrast:
    """A linear combination of mean scores; the coefficients sum to 0."""

    name: str
    terms: tuple[Term, ...]


_SINGLE = ("1", "2", "3", "4", "5", "6")
_MIXED = ("3-5", "2-6", "1-6")
_SHALLOW, _DEEP = ("resnet18", "resnet34"), ("resnet50", "resnet101", "resnet152")
_BORDERING = ("shirt", "skin", "shirt+skin")
_BEYOND = ("shirt+skin+pants", "shirt+skin+hair", "shirt+skin+pants+hair")
_DATA, _AUGMENTATION, _SHARE, _WEIGHTS = "training_data", "augmentation", "synthetic_share", "weights"
_ARCHITECTURE, _CONTEXT, _REGIME = "architecture", "context", "regime"


def _less(name: str, more: Mapping[str, str], less: Mapping[str, str]) -> ArmContrast:
    """Return the first minus the second."""
    return ArmContrast(name=name, terms=((1.0, more), (-1.0, less)))


def _mean_of(sign: float, factor: str, labels: Sequence[str], **fixed: str) -> tuple[Term, ...]:
    return tuple((sign / len(labels), {factor: label, **fixed}) for label in labels)


def _present(levels: Levels, factor: str, labels: Sequence[str]) -> list[str]:
    return [label for label in labels if label in levels.get(factor, ())]


def deeper(levels: Levels) -> list[ArmContrast]:
    """Shallow encoders minus deep ones."""
    shallow, deep = (_present(levels, "encoder", labels) for labels in (_SHALLOW, _DEEP))
    if not shallow or not deep:
        return []
    terms = (*_mean_of(1, "encoder", shallow), *_mean_of(-1, "encoder", deep))
    return [ArmContrast(name="shallow minus deep", terms=terms)]


def mixtures(levels: Levels) -> list[ArmContrast]:
    """Each mixture of generations minus each single generation."""
    mixed, single = (_present(levels, _DATA, labels) for labels in (_MIXED, _SINGLE))
    return [_less(f"{m} minus {s}", {_DATA: m}, {_DATA: s}) for m in mixed for s in single]


def augmented(levels: Levels) -> list[ArmContrast]:
    """Each generation with augmentation minus without."""
    return [
        _less(f"generation {g}", {_DATA: g, _AUGMENTATION: "all"}, {_DATA: g, _AUGMENTATION: "none"})
        for g in _present(levels, _DATA, _SINGLE)
    ]


def fifth(levels: Levels) -> list[ArmContrast]:
    """The fifth generation minus the sixth."""
    return [_less("5 minus 6", {_DATA: "5"}, {_DATA: "6"})]


def as_real(levels: Levels) -> list[ArmContrast]:
    """Each generation from the third on with augmentation, minus real images without."""
    real = {_DATA: "real", _AUGMENTATION: "none"}
    return [
        _less(f"{g} augmented minus real plain", {_DATA: g, _AUGMENTATION: "all"}, real)
        for g in _present(levels, _DATA, _SINGLE[2:])
    ]


def _added(levels: Levels, weights: str, sign: float = 1.0) -> tuple[Term, ...]:
    """Return the mean gain of all shares of synthetic images over none."""
    shares = [label for label in levels.get(_SHARE, ()) if label != "0"]
    if not shares or weights not in levels.get(_WEIGHTS, ()):
        return ()
    return (*_mean_of(sign, _SHARE, shares, weights=weights), (-sign, {_SHARE: "0", _WEIGHTS: weights}))


def adding(levels: Levels) -> list[ArmContrast]:
    """The gain from synthetic images in addition to real ones, for each kind of weights."""
    gains = {label: _added(levels, label) for label in ("imagenet", "none")}
    return [ArmContrast(name=f"weights {label}", terms=terms) for label, terms in gains.items() if terms]


def more_with_random(levels: Levels) -> list[ArmContrast]:
    """The gain from random weights minus the gain from ImageNet weights."""
    random, imagenet = _added(levels, "none"), _added(levels, "imagenet", -1.0)
    return (
        [ArmContrast(name="gain none minus gain imagenet", terms=(*random, *imagenet))] if random and imagenet else []
    )


def catches_up(levels: Levels) -> list[ArmContrast]:
    """Random weights with synthetic images minus ImageNet weights with real images only."""
    shares = [label for label in levels.get(_SHARE, ()) if label != "0"]
    if not shares:
        return []
    real = (-1.0, {_SHARE: "0", _WEIGHTS: "imagenet"})
    return [
        ArmContrast(name="mixed, none minus real, imagenet", terms=(*_mean_of(1, _SHARE, shares, weights="none"), real))
    ]


def without_randomized(levels: Levels) -> list[ArmContrast]:
    """Without randomised images minus with, for each augmentation."""
    return [
        _less(
            f"without minus with, augmentation {label}",
            {_DATA: "6", _AUGMENTATION: label},
            {_DATA: "6+randomized", _AUGMENTATION: label},
        )
        for label in _present(levels, _AUGMENTATION, ("none", "all"))
    ]


def regimes(first: str, second: str) -> Callable[[Levels], list[ArmContrast]]:
    """One regime of training minus another."""
    return lambda levels: [_less(f"{first} minus {second}", {_REGIME: first}, {_REGIME: second})]


def imagenet(levels: Levels) -> list[ArmContrast]:
    """ImageNet weights minus random weights."""
    return [_less("imagenet minus none", {_WEIGHTS: "imagenet"}, {_WEIGHTS: "none"})]


def most_for(levels: Levels) -> list[ArmContrast]:
    """The gain of Unet++ minus that of each other decoder, over the encoders that each has."""
    decoders: dict[str, list[str]] = {}
    for label in levels.get(_ARCHITECTURE, ()):
        decoders.setdefault(label.partition("/")[0], []).append(label)
    unetplusplus = decoders.pop("unetplusplus", [])
    if not unetplusplus:
        return []
    return [
        ArmContrast(
            name=f"gain unetplusplus minus gain {decoder}",
            terms=tuple(
                term
                for sign, labels in ((1, unetplusplus), (-1, others))
                for weights, direction in (("imagenet", 1), ("none", -1))
                for term in _mean_of(sign * direction, _ARCHITECTURE, labels, weights=weights)
            ),
        )
        for decoder, others in decoders.items()
    ]


def bordering(levels: Levels) -> list[ArmContrast]:
    """The labels that border the belt minus no context labels."""
    sets = _present(levels, _CONTEXT, _BORDERING)
    if not sets:
        return []
    terms = (*_mean_of(1, _CONTEXT, sets), (-1.0, {_CONTEXT: "none"}))
    return [ArmContrast(name=f"{', '.join(sets)} minus none", terms=terms)]


def beyond(levels: Levels) -> list[ArmContrast]:
    """The bordering labels minus sets with further labels."""
    sets = _present(levels, _CONTEXT, _BEYOND)
    return [_less(f"shirt+skin minus {label}", {_CONTEXT: "shirt+skin"}, {_CONTEXT: label}) for label in sets]
