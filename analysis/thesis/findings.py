"""The findings of the thesis as data: what it claims, where, and which contrast of which study answers it.

Durgé and Fredriksson, Synthetic Data Generation Techniques for Automotive Machine Learning, Chalmers 2023. The claims
are in our words. The numbers for "no noteworthy difference" or "on par" are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.thesis import contrasts
from analysis.thesis.contrasts import ArmContrast, Levels

MATTERS = 0.01
"""IoU: a gain that is significantly smaller counts as none."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim of the thesis, and the contrasts that test it."""

    number: str
    where: str
    claim: str
    study: str
    question: str
    """What is measured."""
    kind: Literal["contrasts", "spread", "best", "switches"] = "contrasts"
    """Contrasts of arms; the range of all arms; one arm against the best other arm; the effect of each switch."""
    contrasts: Callable[[Levels], list[ArmContrast]] = lambda levels: []
    """All must exceed `above`; none if the sweep lacks their levels."""
    above: float = 0.0
    """The claim holds if each contrast (for `spread`: its negative) exceeds this."""
    refuted_below: float = MATTERS
    """The claim is refuted if a contrast is below this."""
    arm: Mapping[str, str] | None = None
    """The one arm."""

    @property
    def rule(self) -> str:
        """When a sweep agrees and when it does not."""
        if self.kind == "spread":
            return f"agrees if significantly below {-self.above:g}, does not if significantly above it"
        below = "it" if self.above == self.refuted_below else f"{self.refuted_below:g}"
        return f"agrees if significantly above {self.above:g}, does not if significantly below {below}"


FINDINGS: tuple[Finding, ...] = (
    Finding(
        number="a1",
        where="section 4.1, figure 4.1",
        claim="The architecture makes no noteworthy difference.",
        study="architecture",
        question="range of all arms, best minus worst",
        kind="spread",
        above=-0.05,
        refuted_below=-0.05,
    ),
    Finding(
        number="a2",
        where="sections 5.1 and 6, figure 4.1",
        claim="Deeper encoders add little or nothing.",
        study="architecture",
        question="ResNet 18 and 34 minus 50, 101 and 152, over all decoders",
        contrasts=contrasts.deeper,
        above=-0.02,
        refuted_below=-0.02,
    ),
    Finding(
        number="a3",
        where="sections 4.1 and 5.1, figure 4.1",
        claim="Unet++ with ResNet 34 is the best architecture.",
        study="architecture",
        question="Unet++/ResNet34 minus the best other arm",
        kind="best",
        above=-MATTERS,
        refuted_below=0.0,
        arm={"encoder": "resnet34", "decoder": "unetplusplus"},
    ),
    Finding(
        number="b1",
        where="section 4.2, figure 4.2",
        claim="Every mixture of generations beats every single generation.",
        study="generations",
        question="mixture minus generation, mean over augmentation off and on",
        contrasts=contrasts.mixtures,
    ),
    Finding(
        number="b2",
        where="sections 4.2 and 5.2, figure 4.2",
        claim="Augmentation helps each generation.",
        study="generations",
        question="augmentation on minus off",
        contrasts=contrasts.augmented,
    ),
    Finding(
        number="b3",
        where="section 5.3, figure 4.2",
        claim="The sixth generation, the most realistic one, is slightly worse than the fifth.",
        study="generations",
        question="generation 5 minus generation 6, mean over augmentation off and on",
        contrasts=contrasts.fifth,
    ),
    Finding(
        number="b4",
        where="section 4.2, figure 4.2",
        claim="From the third on, a generation with augmentation is on par with real images without, or better.",
        study="generations",
        question="generation with augmentation minus real without",
        contrasts=contrasts.as_real,
        above=-0.02,
        refuted_below=-0.02,
    ),
    Finding(
        number="c1",
        where="sections 4.2 and 5.4, figure 4.3",
        claim="Synthetic images added to the real ones help.",
        study="mixing",
        question="mean of all mixtures minus real only",
        contrasts=contrasts.adding,
    ),
    Finding(
        number="c2",
        where="section 4.2, figure 4.3",
        claim="They help much more from random weights than from ImageNet's.",
        study="mixing",
        question="gain from random weights minus gain from ImageNet's",
        contrasts=contrasts.more_with_random,
    ),
    Finding(
        number="c3",
        where="section 5.4, figure 4.3",
        claim="Random weights with synthetic images come nearly up to ImageNet's with real images only.",
        study="mixing",
        question="mean of all mixtures from random weights minus real only from ImageNet's",
        contrasts=contrasts.catches_up,
        above=-0.06,
        refuted_below=-0.06,
    ),
    Finding(
        number="d1",
        where="sections 4.3 and 5.6, table 4.1",
        claim="Domain randomisation lowers the score, with augmentation and without.",
        study="randomization",
        question="without randomised images minus with",
        contrasts=contrasts.without_randomized,
    ),
    Finding(
        number="e1",
        where="section 4.4, figure 4.4",
        claim="Training on synthetic images before the real ones beats real images only.",
        study="pretraining",
        question="synthetic then real minus real, mean over architectures",
        contrasts=contrasts.regimes("synthetic_then_real", "real"),
    ),
    Finding(
        number="e2",
        where="section 4.4, figure 4.4",
        claim="It beats synthetic images only.",
        study="pretraining",
        question="synthetic then real minus synthetic, mean over architectures",
        contrasts=contrasts.regimes("synthetic_then_real", "synthetic"),
    ),
    Finding(
        number="e3",
        where="section 6, figure 4.4",
        claim="Synthetic images alone do not beat real ones.",
        study="pretraining",
        question="real minus synthetic, mean over architectures",
        contrasts=contrasts.regimes("real", "synthetic"),
        above=-MATTERS,
        refuted_below=-MATTERS,
    ),
    Finding(
        number="f1",
        where="section 4.4, figure 4.5",
        claim="Weights from ImageNet help.",
        study="initialization",
        question="ImageNet's weights minus random ones, mean over architectures",
        contrasts=contrasts.imagenet,
    ),
    Finding(
        number="f2",
        where="section 4.4, figure 4.5",
        claim="They help Unet++ most.",
        study="initialization",
        question="gain of Unet++ minus gain of the other decoder",
        contrasts=contrasts.most_for,
    ),
    Finding(
        number="g1",
        where="sections 4.5 and 5.5, figure 4.6",
        claim="Learning the labels that border the belt, shirt and skin, helps a little.",
        study="labels",
        question="mean of shirt, skin and both minus the belt alone",
        contrasts=contrasts.bordering,
    ),
    Finding(
        number="g2",
        where="section 5.5, figure 4.6",
        claim="Pants and hair added to them make it worse.",
        study="labels",
        question="shirt and skin minus those with pants, hair or both",
        contrasts=contrasts.beyond,
    ),
    Finding(
        number="h1",
        where="section 5.2",
        claim="Each single augmentation helps.",
        study="augmentation",
        question="transform on minus off, over the arms of the space",
        kind="switches",
    ),
)
