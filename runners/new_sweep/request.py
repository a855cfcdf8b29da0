"""What a user asks a new sweep for: the fields are the options of `seatbelt sweep`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from search_spaces.space import Propose, Prune, Study
from seatbelt.errors import UserError

SPACE = "What varies"
TRAINING = "Where and how it runs"


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of `HEIGHTxWIDTH`.

    Raises:
        UserError: The text has another form.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise UserError(f"--size takes HEIGHTxWIDTH in pixels, such as 96x160, but got {text!r}")
    return int(match[1]), int(match[2])


def parse_rungs(text: str) -> tuple[int, ...]:
    """Return the epochs of `3,9`.

    Raises:
        UserError: The text has another form.
    """
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise UserError(f"--rungs takes epochs separated by commas, such as 3,9, but got {text!r}")
    return tuple(int(part) for part in text.split(","))


def parse_subset_labels(text: str) -> tuple[str, ...]:
    """Return the labels of `a,b,c`.

    Raises:
        UserError: A label is empty or named twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    if "" in names or len(set(names)) < len(names):
        raise UserError(f"--all-subsets takes different names separated by commas, but got {text!r}")
    return names


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What varies in a sweep and how its trials train; None is the study's choice."""

    vary: Annotated[
        tuple[str, ...],
        typer.Option(
            "--set",
            help="FACTOR=LEVEL,LEVEL restricts a factor to these levels, or turns another setting into a factor; an "
            "encoder may name its weights: encoder=lite0@imagenet,resnet18@none.",
            rich_help_panel=SPACE,
        ),
    ] = ()
    fix: Annotated[tuple[str, ...], typer.Option(help="AXIS=VALUE fixes a condition.", rich_help_panel=SPACE)] = ()
    levels: Annotated[
        tuple[str, ...],
        typer.Option(help="FACTOR=NUMBER replaces a range by this many levels.", rich_help_panel=SPACE),
    ] = ()
    all_subsets: Annotated[
        tuple[str, ...],
        typer.Option(
            parser=parse_subset_labels,
            metavar="CLASS,CLASS,...",
            help="Vary the context over all subsets of these labels.",
            rich_help_panel=SPACE,
        ),
    ] = ()
    architectures_from: Annotated[
        str | None,
        typer.Option(
            help="A finished architecture sweep: take its best three decoders with their best two encoders.",
            rich_help_panel=SPACE,
        ),
    ] = None
    design: Annotated[
        str | None,
        typer.Option(
            help="full, ofat, fractional-16, fractional-32, fractional-32-foldover, fractional-128, lhs:N or sobol:N.",
            rich_help_panel=SPACE,
        ),
    ] = None
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(
            parser=parse_size,
            min=1,
            metavar="HEIGHTxWIDTH",
            help="Training resolution in pixels (default: that of the images).",
            rich_help_panel=SPACE,
        ),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Seed of replicate 0.", rich_help_panel=SPACE)] = 0
    select_on: Annotated[
        Literal["real", "synthetic"], typer.Option(help="Domain of the selection set.", rich_help_panel=SPACE)
    ] = "real"
    subjects_per_data_set: Annotated[
        bool,
        typer.Option(
            "--subjects-per-data-set",
            help="Subjects of one name in several --data are different people.",
            rich_help_panel=SPACE,
        ),
    ] = False
    propose: Annotated[Propose | None, typer.Option(help="Which arms are tried.", rich_help_panel=SPACE)] = None
    prune: Annotated[Prune | None, typer.Option(help="Which trials end early.", rich_help_panel=SPACE)] = None
    rungs: Annotated[
        tuple[int, ...],
        typer.Option(
            parser=parse_rungs,
            min=1,
            metavar="EPOCH,EPOCH,...",
            help="Epochs of comparison, such as 3,9.",
            rich_help_panel=SPACE,
        ),
    ] = ()
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Full epochs of a trial.", rich_help_panel=SPACE)] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...", rich_help_panel=TRAINING)] = "auto"
    threads: Annotated[int, typer.Option(min=1, help="CPU threads per trial.", rich_help_panel=TRAINING)] = 1
    workers: Annotated[int, typer.Option(min=0, help="Loader processes per trial.", rich_help_panel=TRAINING)] = 0
    checkpoint_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Largest share of time for checkpoints; 1: every epoch.", rich_help_panel=TRAINING
        ),
    ] = 0.05
    keep_weights: Annotated[
        str,
        typer.Option(help="Weights to keep of finished trials: best, last, none or top:N.", rich_help_panel=TRAINING),
    ] = "best"
    weights_folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of ImageNet weights files (`seatbelt weights fetch` fills one).", rich_help_panel=TRAINING
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Request(SweepOptions):
    """A new sweep: a study, data sets, and the options that change the study."""

    study: Study
    data: tuple[Path, ...]
    """Native data-set folders."""
