"""What several commands share: options, and what they are read as."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seatbelt.errors import UserError

if TYPE_CHECKING:
    from runners.session.options import Session

RUN = "Where and how it runs"
LIMITS = "Limits"
SPACE = "What varies"


class EngineName(enum.StrEnum):
    """Engines of the command line."""

    ray = "ray"
    in_process = "in-process"


class ProposeName(enum.StrEnum):
    """Strategies of proposing."""

    exhaustive = "exhaustive"
    random = "random"
    optuna = "optuna"
    optuna_gp = "optuna-gp"
    factorial = "factorial"


class RetryName(enum.StrEnum):
    """Endings after which a trial can be tried again."""

    failed = "failed"
    out_of_memory = "out-of-memory"
    diverged = "diverged"


class PruneName(enum.StrEnum):
    """Strategies of pruning."""

    none = "none"
    asha = "asha"


Trials = Annotated[int | None, typer.Option(min=1, help="At most so many trials.", rich_help_panel=LIMITS)]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="At most so many epochs over all trials.", rich_help_panel=LIMITS)
]
Hours = Annotated[
    float | None, typer.Option(min=0, help="At most so many hours of drivers' time.", rich_help_panel=LIMITS)
]
Replicates = Annotated[
    int | None, typer.Option(min=1, help="Trials per arm, each with its own seed.", rich_help_panel=LIMITS)
]
Until = Annotated[
    float | None,
    typer.Option(
        min=0, help="End when the recommended arm is surely within so much of the best (IoU).", rich_help_panel=LIMITS
    ),
]
Sure = Annotated[
    float | None,
    typer.Option(min=0.5, max=0.999, help="What surely means: a probability (default: 0.9).", rich_help_panel=LIMITS),
]
Engine = Annotated[EngineName, typer.Option(help="What runs the trials.", rich_help_panel=RUN)]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster: auto or host:port.", rich_help_panel=RUN)]
Insecure = Annotated[
    bool,
    typer.Option(
        "--allow-insecure",
        help="Join a cluster that asks for no token: whoever reaches its ports can run code there.",
        rich_help_panel=RUN,
    ),
]
Slots = Annotated[int | None, typer.Option(min=1, help="Trials at a time.", rich_help_panel=RUN)]
Cpus = Annotated[float, typer.Option(min=0.1, help="CPUs per trial.", rich_help_panel=RUN)]
Gpus = Annotated[
    str | None,
    typer.Option(
        help="GPUs per trial, such as 0.5, or auto: as memory allows (default: 1 where the cluster has any).",
        rich_help_panel=RUN,
    ),
]
EpochTimeout = Annotated[
    float,
    typer.Option(
        "--epoch-timeout",
        min=1,
        help="Minutes after which a worker that measured no epoch counts as lost.",
        rich_help_panel=RUN,
    ),
]
PublishEvery = Annotated[
    float,
    typer.Option(min=1, help="Seconds between publications of a sweep in a bucket.", rich_help_panel=RUN),
]
Stages = Annotated[
    str | None,
    typer.Option(help="Folder or bucket of pretraining stages that sweeps share.", rich_help_panel=RUN),
]
CodeChange = Annotated[
    bool,
    typer.Option("--accept-code-change", help="Go on although the numeric code changed.", rich_help_panel=RUN),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write event files, one run per trial.", rich_help_panel=RUN)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=RUN)]
SweepArgument = Annotated[str, typer.Argument(help="The sweep: its folder, or s3://BUCKET/PREFIX.")]

TRIAL = "A trial: its number such as 7 or [7], best, or the first digits of its key."

SweepArguments = Annotated[
    list[str],
    typer.Argument(metavar="SWEEP...", help="Sweeps: folders, patterns such as 'sweeps/*', s3://BUCKET/PREFIX."),
]


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (height, width) of `HEIGHTxWIDTH`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise UserError(f"--size takes HEIGHTxWIDTH in pixels, such as 96x160, but got {text!r}")
    return int(match[1]), int(match[2])


def parse_rungs(text: str | None) -> tuple[int, ...]:
    """Return the epochs of `3,9`."""
    if text is None:
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise UserError(f"--rungs takes epochs separated by commas, such as 3,9, but got {text!r}")
    return tuple(int(part) for part in text.split(","))


def parse_names(option: str, text: str | None) -> tuple[str, ...]:
    """Return the names of `a,b,c`."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if "" in names or len(set(names)) < len(names):
        raise UserError(f"{option} takes different names separated by commas, but got {text!r}")
    return names


def parse_gpus(text: str | None) -> float | Literal["auto"] | None:
    """Return a number of GPUs, `auto`, or None.

    Raises:
        UserError: It is neither.
    """
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"--gpus-per-trial takes a number from 0, such as 0.5, or auto, but got {text!r}")
    return number


def session_of(context: typer.Context) -> Session:
    """Return how a command is to run a sweep: its options that are named like the fields of a session."""
    from runners.session.options import Session

    known = {field.name for field in dataclasses.fields(Session)} - {"named"}
    given: dict[str, Any] = {name: value for name, value in context.params.items() if name in known}
    given["gpus_per_trial"] = parse_gpus(given["gpus_per_trial"])
    given["retry"] = tuple(str(name).upper().replace("-", "_") for name in given.get("retry") or ())
    given["engine"] = str(given["engine"].value)
    given["moved_data"] = tuple(given.get("moved_data") or ())
    sources = {name: context.get_parameter_source(name) for name in given}
    named = {name for name, source in sources.items() if source is not None and source.name != "DEFAULT"}
    return Session(**given, named=frozenset(named))
