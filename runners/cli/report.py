"""`figures`: what a sweep found, as pictures."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from runners.cli.options import SweepArguments, parse_names
from runners.cli.saying import say


class ImageName(enum.StrEnum):
    """Formats of a figure."""

    png = "png"
    pdf = "pdf"
    svg = "svg"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(no_args_is_help=True)(figures)


def figures(
    sweeps: SweepArguments,
    only: Annotated[list[str] | None, typer.Option(help="Only the figure of this name; may be repeated.")] = None,
    output: Annotated[ImageName, typer.Option("--format", help="Form of the files; csv has the numbers.")] = (
        ImageName.png
    ),
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: SWEEP/report/figures).")] = None,
    factors: Annotated[
        str | None, typer.Option(help="Two factors of the heat map, ROWS,COLUMNS, such as decoder,encoder.")
    ] = None,
) -> None:
    """Draw the figures of sweeps: those of the thesis for its studies, and effects, curves, rungs, costs and more.

    Colours, markers, dashes and hatches differ, so that they can be told apart in grey and by the colour-blind.

    Example:
      seatbelt figures sweeps/architecture --format pdf
      seatbelt figures sweeps/architecture --only heat_map --only curves --out pictures
    """
    from runners.reporting import draw_figures

    for line in draw_figures(
        sweeps,
        only=tuple(only or ()),
        form=output.value,
        out=out,
        factors=parse_names("--factors", factors),
    ):
        say(line)
