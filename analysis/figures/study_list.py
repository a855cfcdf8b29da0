"""The figures of the thesis, by the factors they show."""

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
"""Names of levels in figures, where their labels are abbreviations."""


@dataclass(frozen=True, kw_only=True)
class StudyFigure:
    """A figure of the thesis by the factors it shows."""

    name: str
    title: str
    reference: str
    x: str
    series: str | None
    asks: str
    benchmark: str | None = None
    """Level of x drawn as reference lines."""
    bars: bool = False
    grid: bool = False
    sizes: bool = False
    """Whether tick labels include the number of images."""


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
        asks="Single and combined generations of synthetic images; the lines are real images only.",
    ),
    StudyFigure(
        name="mixing",
        title="Test IoU by the share of synthetic images",
        reference="figure 4.3",
        x="synthetic_share",
        series="weights",
        benchmark="0.0",
        sizes=True,
        asks="The real images are constant and synthetic ones are added; the lines are real images only.",
    ),
    StudyFigure(
        name="randomization",
        title="Test IoU with and without domain randomisation",
        reference="table 4.1",
        x="training_data",
        series="augmentation",
        grid=True,
        asks="Trained with and without domain-randomised images and augmentation.",
    ),
    StudyFigure(
        name="pretraining",
        title="Test IoU after training on synthetic images, on real ones, and on both in turn",
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
        asks="Each architecture with an ImageNet encoder and with a random one.",
    ),
    StudyFigure(
        name="labels",
        title="Test IoU by the labels learned in addition to the belt",
        reference="figure 4.6",
        x="context",
        series=None,
        bars=True,
        asks="Each bar is a model that also learned the labels below it.",
    ),
]
