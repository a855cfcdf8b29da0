"""What a user asks for, as one record: its fields are the options of the command line and of a request file."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from runners.new_sweep.request import SweepOptions
from runners.session.options import LIMITS, RUN, LimitOptions, RunOptions
from search_spaces.space import Study

T = TypeVar("T")


class RetryStatus(enum.StrEnum):
    """Statuses of ended trials that can be tried again; Typer takes no list of literals."""

    failed = "failed"
    out_of_memory = "out-of-memory"
    diverged = "diverged"


# The last base comes first in the help texts.
@dataclass(frozen=True, kw_only=True)
class LaunchOptions(RunOptions, LimitOptions, SweepOptions):
    """Everything that a user asks a new sweep for, besides its study."""

    data: Annotated[
        tuple[Path, ...],
        typer.Option(help="A native data-set folder; repeat for more (default: embedded scenes)."),
    ] = ()
    name: Annotated[str | None, typer.Option(help="Name of the sweep (default: the study's).")] = None
    out: Annotated[str, typer.Option(help="Folder of sweeps, or s3://BUCKET/PREFIX.")] = "sweeps"
    as_new: Annotated[
        str | None,
        typer.Option(help="Begin a new sweep of this name, and take over what still holds.", rich_help_panel=RUN),
    ] = None


@dataclass(frozen=True, kw_only=True)
class LaunchRequest(LaunchOptions):
    """A new sweep."""

    study: Study | str
    """A study, or the name or Python file of one."""


@dataclass(frozen=True, kw_only=True)
class ResumeRequest(RunOptions, LimitOptions):
    """A further session of a sweep."""

    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="New full epochs of a trial; complete trials continue.", rich_help_panel=LIMITS),
    ] = None
    retry: Annotated[
        tuple[RetryStatus, ...],
        typer.Option(help="Retry trials that ended with this status; repeat for more.", rich_help_panel=RUN),
    ] = ()
    data: Annotated[
        tuple[Path, ...],
        typer.Option(help="New place of a data set that was moved; repeat for more.", rich_help_panel=RUN),
    ] = ()
    weights_folder: Annotated[
        Path | None, typer.Option(help="New place of the weights files.", rich_help_panel=RUN)
    ] = None


def part(record: Any, kind: type[T]) -> T:  # noqa: ANN401  (any record that has the fields)
    """Return the fields of a record that another kind of record has."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    values = {name: getattr(record, name) for name in names}
    if "named" in values:
        values["named"] &= {*names}
    return kind(**values)
