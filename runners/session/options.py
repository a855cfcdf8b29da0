"""Options of a session: where and how it runs, and what it may spend."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter

from runners.core.events import SessionOpened
from runners.core.plan import Limits
from runners.sweep.description import SweepDescription
from runners.sweep.folder import SweepFolder
from runners.sweep.ledger import as_recorded, read_events
from runners.sweep.mirror import FLUSH_SECONDS
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
    ] = FLUSH_SECONDS
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


def repeat_options(folder: SweepFolder, run: RunOptions) -> RunOptions:
    """Return the options of the last session, replaced by those that the user set.

    Raises:
        UserError: The journal holds options that nobody could have set.
    """
    last = _last_session(folder)
    options = last.options if last is not None else {}
    try:
        return replace(run, **{name: options[name] for name in REPEATED.keys() - run.named if name in options})
    except TypeError as error:
        raise UserError(f"the options of the last session in {folder.journal} cannot be used ({error})") from None


def resume_command(folder: SweepFolder, run: RunOptions) -> str:
    """Return the command that continues a sweep with the same options."""
    words = ["seatbelt", "resume", folder.shown]
    for name, value in run.repeated().items():
        words += [REPEATED[name]] if value is True else [REPEATED[name], f"{value}"]
    return shlex.join(words)


def merge_limits(earlier: Limits, options: LimitOptions) -> Limits:
    """Return the earlier limits, replaced by those that the user set."""
    return replace(earlier, **{name: value for name, value in asdict(options).items() if value is not None})


def check_limits(description: SweepDescription, limits: Limits) -> None:
    """Check that a sweep can begin and will end.

    Raises:
        UserError: It has neither a limit nor a last arm, or its limits allow not a single leg.
    """
    if description.propose != "exhaustive" and (limits.trials, limits.epochs, limits.hours) == (None, None, None):
        besides = " (--until may never be reached)" if limits.until is not None else ""
        raise UserError(
            f"--propose {description.propose} has no end of its own: give --trials, --epochs or --hours{besides}"
        )
    plan = description.plan(limits)
    if (limits.until is not None or description.propose == "factorial") and not plan.choices.varies:
        raise UserError(
            "nothing varies, so that there is nothing to model; vary a factor with --set FACTOR=LEVEL,LEVEL"
        )
    if limits.epochs is not None and limits.epochs < plan.rungs[0]:
        raise UserError(
            f"--epochs {limits.epochs} is less than the first leg of one trial ({plan.rungs[0]} epochs); raise it"
        )


def earlier_limits(folder: SweepFolder) -> Limits | None:
    """Return what the last session might spend, None if there was none."""
    last = _last_session(folder)
    with as_recorded(folder):
        return TypeAdapter(Limits).validate_python(last.limits) if last is not None else None


def _last_session(folder: SweepFolder) -> SessionOpened | None:
    last = None
    with as_recorded(folder):
        for event in read_events(folder):
            if isinstance(event, SessionOpened):
                last = event
    return last
