"""Options of a session: where and how it runs, and what it may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import typer

from seatbelt.errors import UserError
from seatbelt.text.redaction import redact

LIMITS = "Limits"
RUN = "Where and how it runs"


def parse_gpus(text: str) -> float | Literal["auto"]:
    """Return a number of GPUs, or `auto`.

    Raises:
        UserError: The text is neither.
    """
    if text == "auto":
        return "auto"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"--gpus-per-trial takes a number from 0, such as 0.5, or auto, but got {text!r}")
    return number


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What a sweep may spend; None leaves a limit as it was."""

    trials: Annotated[int | None, typer.Option(min=1, help="Most trials.", rich_help_panel=LIMITS)] = None
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs, over all trials.", rich_help_panel=LIMITS)] = (
        None
    )
    hours: Annotated[
        float | None, typer.Option(min=0, help="Most hours, over all sessions.", rich_help_panel=LIMITS)
    ] = None
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Trials per arm, each with its own seed.", rich_help_panel=LIMITS)
    ] = None
    until: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="End once the recommended arm is surely within this IoU of the best one.",
            rich_help_panel=LIMITS,
        ),
    ] = None
    sure: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999, help="Probability meant by `surely` (default: 0.9).", rich_help_panel=LIMITS),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how a session runs."""

    engine: Annotated[Literal["ray", "in-process"], typer.Option(help="What runs the trials.", rich_help_panel=RUN)] = (
        "ray"
    )
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster: auto or host:port.", rich_help_panel=RUN)
    ] = None
    allow_insecure: Annotated[
        bool,
        typer.Option(
            "--allow-insecure",
            help="Join a cluster that asks for no token: anybody who reaches its ports can run code there.",
            rich_help_panel=RUN,
        ),
    ] = False
    slots: Annotated[int | None, typer.Option(min=1, help="Trials at a time.", rich_help_panel=RUN)] = None
    cpus_per_trial: Annotated[float, typer.Option(min=0.1, help="CPUs per trial.", rich_help_panel=RUN)] = 1
    gpus_per_trial: Annotated[
        float | Literal["auto"] | None,
        typer.Option(
            parser=parse_gpus,
            min=0,
            metavar="NUMBER|auto",
            help="GPUs per trial, such as 0.5, or auto: as memory allows (default: 1 where the cluster has any).",
            rich_help_panel=RUN,
        ),
    ] = None
    epoch_minutes: Annotated[
        float,
        typer.Option(
            "--epoch-timeout",
            min=1,
            help="Minutes without an epoch after which a worker counts as lost.",
            rich_help_panel=RUN,
        ),
    ] = 120
    publish_every: Annotated[
        float,
        typer.Option(min=1, help="Seconds between publications of a sweep in a bucket.", rich_help_panel=RUN),
    ] = 30.0
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files, one run per trial.", rich_help_panel=RUN)
    ] = False
    stages: Annotated[
        str | None,
        typer.Option(help="Folder or bucket of pretraining stages that sweeps share.", rich_help_panel=RUN),
    ] = None
    accept_code_change: Annotated[
        bool,
        typer.Option(
            "--accept-code-change",
            help="Continue although code or packages that decide numbers changed.",
            rich_help_panel=RUN,
        ),
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=RUN)] = False
    named: frozenset[str] = field(default=frozenset(), compare=False)
    """Fields that the user set; a resumed session takes the others from the session before."""

    def repeated(self) -> dict[str, Any]:
        """Return the options that a resumed session repeats: those that are not the default and hold no secret."""
        default = RunOptions()
        options = {name: getattr(self, name) for name in REPEATED if getattr(self, name) != getattr(default, name)}
        return {name: value for name, value in options.items() if redact(f"{value}") == f"{value}"}


REPEATED = {
    "engine": "--engine",
    "address": "--address",
    "slots": "--slots",
    "cpus_per_trial": "--cpus-per-trial",
    "gpus_per_trial": "--gpus-per-trial",
    "epoch_minutes": "--epoch-timeout",
    "publish_every": "--publish-every",
    "tensorboard": "--tensorboard",
    "stages": "--stages",
}
"""Field of `RunOptions` -> option. A resumed session repeats these, but not the consent to join an open cluster."""
