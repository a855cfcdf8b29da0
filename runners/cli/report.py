"""`report`, `dashboard`, `figures`: results as pages and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from runners.cli.options import SweepArguments
from runners.terminal import say
from seatbelt.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (report, dashboard, figures):
        app.command(no_args_is_help=True)(command)


def report(
    sweeps: SweepArguments,
    output: Annotated[Literal["html", "md", "pdf"], typer.Option("--format", help="Form of the report.")] = "html",
    out: Annotated[Path | None, typer.Option(help="The file (default: SWEEP/report/report.html, .md or .pdf).")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Rewrite the page while the driver runs; html of one sweep only.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two writes with --watch.")] = 30,
    thesis: Annotated[
        bool, typer.Option("--thesis", help="Print the verdict of the sweeps on each finding of the thesis instead.")
    ] = False,
    gallery: Annotated[bool, typer.Option(help="Show test images with the predictions of the leading arms.")] = True,
    json_output: Annotated[bool, typer.Option("--json", help="With --thesis: print JSON.")] = False,
) -> None:
    """Write a report on sweeps: the answer, how far to trust it, all arms, effects, figures, costs, provenance.

    The page is one file that needs no network. Markdown links to PNG figures beside it.

    Example:
      seatbelt report sweeps/architecture
      seatbelt report "sweeps/*" --out all.html
      seatbelt report sweeps/architecture --format pdf
      seatbelt report "sweeps/*" --thesis
    """
    if thesis:
        from runners.cli.thesis import write_thesis

        write_thesis(sweeps, json_output=json_output)
        return
    if json_output:
        raise UserError("--json goes with --thesis; `seatbelt best --json` and `effects --json` have the numbers")
    from runners.commands.report import watch_report, write_report
    from runners.models.gallery import Galleries

    galleries = Galleries(lambda text: say(text, err=True)) if gallery else None
    if not watch:
        say(str(write_report(sweeps, form=output, out=out, galleries=galleries)))
        return
    if output != "html":
        raise UserError(f"--watch writes html, but got --format {output}")
    try:
        watch_report(sweeps, out=out, every=every, say=say, galleries=galleries)
    except KeyboardInterrupt:
        say("ended; the file stays as it is")


def dashboard(
    sweeps: SweepArguments,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")] = 8240,
    every: Annotated[float, typer.Option(min=1, help="Shortest time between two updates, seconds.")] = 5,
    gallery: Annotated[bool, typer.Option(help="Show test images with the predictions of the leading arms.")] = True,
) -> None:
    """Show the report of sweeps as a live page on this machine until Ctrl-C.

    The page is served on 127.0.0.1 alone. From another machine: `ssh -L 8240:127.0.0.1:8240 HOST`.

    Example:
      seatbelt dashboard sweeps/architecture --port 8240
    """
    from runners.commands.dashboard import ADDRESS
    from runners.commands.dashboard import dashboard as serve
    from runners.models.gallery import Galleries

    galleries = Galleries(lambda text: say(text, err=True)) if gallery else None
    with serve(sweeps, port=port, every=every, galleries=galleries) as server:
        try:
            say(f"http://{ADDRESS}:{server.server_address[1]}/ shows the sweep; Ctrl-C ends it")
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("ended")


def figures(
    sweeps: SweepArguments,
    only: Annotated[list[str] | None, typer.Option(help="Only the figure of this name; may be repeated.")] = None,
    output: Annotated[
        Literal["png", "pdf", "svg", "csv"], typer.Option("--format", help="Form of the files; csv has the numbers.")
    ] = "png",
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: SWEEP/report/figures).")] = None,
    factors: Annotated[
        str | None, typer.Option(help="Two factors of the heat map, ROWS,COLUMNS, such as decoder,encoder.")
    ] = None,
) -> None:
    """Draw the figures of sweeps: those of the thesis for its studies, and effects, curves, rungs, costs and more.

    Colours, markers, dashes and hatches all differ, so that lines stay distinct in grey and for the colour-blind.

    Example:
      seatbelt figures sweeps/architecture --format pdf
      seatbelt figures sweeps/architecture --only heat_map --only curves --out pictures
    """
    from runners.commands.report import draw_figures

    for line in draw_figures(
        sweeps,
        only=tuple(only or ()),
        form=output,
        out=out,
        factors=tuple(factors.split(",")) if factors else (),
    ):
        say(line)
