"""`list`: the sweeps of a folder or bucket."""

from __future__ import annotations

from typing import Annotated

import typer

from runners.cli.options import JsonOption, WideOption
from runners.cli.output import print_json, table_width
from runners.terminal import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_)


def list_(
    place: Annotated[
        str, typer.Argument(metavar="[FOLDER]", help="Folder with sweeps, or s3://BUCKET/PREFIX.")
    ] = "sweeps",
    wide: WideOption = False,
    json_output: JsonOption = False,
) -> None:
    """List the sweeps of a folder or bucket, newest first: study, state, progress, best score, age and disk use.

    A sweep is running, stopped (`seatbelt resume` continues it), finished, failed (no trial has a result), or damaged.

    Example:
      seatbelt list
      seatbelt list s3://bucket/sweeps --json
    """
    from dataclasses import asdict

    from runners.api.list_sweeps import list_sweeps, list_text

    sweeps = list_sweeps(place)
    if json_output:
        print_json([asdict(sweep) for sweep in sweeps])
    else:
        say(list_text(sweeps, table_width(wide)))
