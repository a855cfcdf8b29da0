"""Which figures of the thesis there are, by the factors that they show."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {
    ("weights", "imagenet"): "ImageNet",
    ("weights", "none"): "random",
    ("augmentation", "none"): "without augmentation",
    ("augmentation", "all"): "with augmentation",
    ("regime", "synthetic"): "synthetic only",
    ("regime", "real"): "real only",
    ("regime", "synthetic_then_real"): "synthetic, then real",
}
"""What levels are called in figures, where their own labels are short."""


@dataclass(frozen=True, kw_only=True)
class StudyFigure:
    """A figure of the thesis by the factors that it shows."""

    name: str
    title: str
    reference: str
    x: str
    series: str | None
    asks: str
    benchmark: str | None = None
    """Level of x that is drawn as lines."""
    bars: bool = False
    grid: bool = False
    sizes: bool = False
    """Whether the labels tell the numbers of images."""


STUDY_FIGURES = [
    StudyFigure(
        name="architecture",
        title="Test IoU of each architecture",
        reference="figure 4.1",
        x="encoder",
        series="decoder",
        asks="Encoders from left to right, decoders by colour and marker.",
    ),
    StudyFigure(
        name="generations",
        title="Test IoU by training images, with and without augmentation",
        reference="figure 4.2",
        x="training_data",
        series="augmentation",
        benchmark="real",
        asks="Generations of synthetic images alone and together; the lines are real images alone.",
    ),
    StudyFigure(
        name="mixing",
        title="Test IoU by the share of synthetic images beside the real ones",
        reference="figure 4.3",
        x="synthetic_share",
        series="weights",
        benchmark="0.0",
        sizes=True,
        asks="The real images stay the same, synthetic ones are added; the lines are real images alone.",
    ),
    StudyFigure(
        name="randomization",
        title="Test IoU with and without domain randomisation",
        reference="table 4.1",
        x="training_data",
        series="augmentation",
        grid=True,
        asks="Images with domain randomisation added or not, with and without augmentation.",
    ),
    StudyFigure(
        name="pretraining",
        title="Test IoU of synthetic images, real ones, and one after the other",
        reference="figure 4.4",
        x="architecture",
        series="regime",
        bars=True,
        asks="Three ways of training for each architecture.",
    ),
    StudyFigure(
        name="initialization",
        title="Test IoU with ImageNet and random weights",
        reference="figure 4.5",
        x="architecture",
        series="weights",
        bars=True,
        asks="Each architecture with an encoder from ImageNet and with a random one.",
    ),
    StudyFigure(
        name="labels",
        title="Test IoU by the labels that are learned beside the belt",
        reference="figure 4.6",
        x="context",
        series=None,
        bars=True,
        asks="Each bar is a model that also learned the labels named below it.",
    ),
]
