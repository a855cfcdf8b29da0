"""`cluster`: checks a cluster file, starts a cluster, submits a sweep to it, ends it."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatbelt.errors import UserError

if TYPE_CHECKING:
    from runners.cluster.problems import Problem

app = typer.Typer(help="Check a cluster file, start its cluster, submit a sweep to it, end it.", no_args_is_help=True)

ClusterFile = Annotated[Path, typer.Argument(metavar="FILE", help="The cluster file, such as cluster.yaml.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the command and stop.")]


@app.command(no_args_is_help=True)
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A cluster file of Ray, a RayJob manifest or a script for sbatch.")
    ],
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a cluster file without a network; the exit code is 2 if it has an error.

    Example:
      seatbelt cluster check cluster.yaml
    """
    from runners.cluster.check import check_file

    problems = check_file(file)
    invalid = any(problem.severity == "error" for problem in problems)
    if json_output:
        report = {"file": str(file), "valid": not invalid, "findings": [asdict(problem) for problem in problems]}
        typer.echo(json.dumps(report, indent=1))
    else:
        _print(problems)
        typer.echo(f"{file} is {'invalid' if invalid else 'valid'}")
    if invalid:
        raise typer.Exit(2)


@app.command(no_args_is_help=True)
def up(
    file: ClusterFile,
    yes: Yes = False,
    dry_run: DryRun = False,
    allow_insecure: Annotated[
        bool,
        typer.Option(
            "--allow-insecure",
            help="Start a cluster that asks for no token: anybody who reaches its ports can run code there.",
        ),
    ] = False,
) -> None:
    """Check a cluster file, make a token if there is none, and start the cluster.

    Example:
      seatbelt cluster up cluster.yaml --yes
    """
    from runners.cluster.commands import check_before_start, prepare_token, up_command

    _print(check_before_start(file, allow_insecure=allow_insecure))
    if not dry_run and not allow_insecure:
        prepare_token(file)
    _run(up_command(file, yes=yes), dry_run=dry_run)


@app.command(no_args_is_help=True)
def submit(
    file: ClusterFile,
    arguments: Annotated[list[str], typer.Argument(metavar="-- sweep ...", help="sweep, resume or confirm.")],
    dry_run: DryRun = False,
) -> None:
    r"""Run a sweep on the head of a cluster, where it continues while this machine sleeps.

    Example:
      seatbelt cluster submit cluster.yaml -- sweep architecture --data /shared/my-images --out /shared/sweeps \
        --weights-folder /shared/weights --slots 8 --gpus-per-trial 1
    """
    from runners.api.command_words import without_request_file
    from runners.cluster.commands import lacking, submission

    # The head gets what the file asks for, not the file, which lies on this machine.
    arguments = without_request_file(arguments)
    job = submission(file, arguments, identity=time.strftime(f"{arguments[0]}-%Y%m%d-%H%M%S"))
    for problem in lacking(arguments):
        typer.echo(f"warning: the sweep {problem.what}; {problem.advice}", err=True)
    _run(job.command, dry_run=dry_run)
    typer.echo(f"to watch it: {shlex.join(job.watch)}")
    typer.echo(f"to stop it:  {shlex.join(job.stop)}")


@app.command(no_args_is_help=True)
def down(file: ClusterFile, yes: Yes = False, dry_run: DryRun = False) -> None:
    """End a cluster; sweeps on shared storage stay, and any later cluster continues them.

    Example:
      seatbelt cluster down cluster.yaml --yes
    """
    from runners.cluster.commands import down_command

    _run(down_command(file, yes=yes), dry_run=dry_run)


def _print(problems: list[Problem]) -> None:
    for problem in problems:
        typer.echo(f"{problem.severity:7} {problem.place}: {problem.what}; {problem.advice}")


def _run(command: list[str], *, dry_run: bool) -> None:
    from runners.cluster import commands

    if dry_run:
        typer.echo(shlex.join(command))
        return
    code = commands.run(command)
    if code:
        raise UserError(f"`{shlex.join(command[:3])}` ended with exit code {code}; its output is above")
