"""`status`, `best`, `query`, `reproduce`, `explain`: the results of sweeps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from runners.cli.options import TRIAL, JsonOption, SweepArgument, SweepArguments, WideOption
from runners.cli.output import print_json, table_width, write_answer
from runners.terminal import progress_bar, say, terminal_width
from seatbelt.text.redaction import safe_text
from seatbelt.text.wording import cut


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, best, query, reproduce, explain):
        app.command(no_args_is_help=True)(command)


def status(
    sweep: SweepArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until the driver ends.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between refreshes.")] = 2.0,
) -> None:
    """Show the progress of a sweep, who runs it, and the best arm so far.

    Example:
      seatbelt status sweeps/architecture --watch
    """
    from runners.commands.status import status_text

    while True:
        text, running = status_text(sweep)
        if watch:
            typer.echo("\x1b[2J\x1b[H", nl=False)
        width = terminal_width()
        say("\n".join(cut(line, width) for line in safe_text(text).split("\n")))
        if not watch or not running:
            return
        time.sleep(every)


def best(
    sweeps: SweepArguments,
    top: Annotated[int, typer.Option(min=1, help="Number of arms.")] = 5,
    by: Annotated[Literal["selection", "test"], typer.Option(help="Scores to rank by.")] = "selection",
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Rank sweeps of different selection sets, whose scores do not compare.")
    ] = False,
    wide: WideOption = False,
    json_output: JsonOption = False,
) -> None:
    """Show the best configurations: arms ranked by their mean over replicates, of one sweep or of several.

    The JSON form also has the file of the weights, the whole configuration, and the commands that reproduce, export
    and predict.

    Example:
      seatbelt best sweeps/architecture --top 3 --json
      seatbelt best "sweeps/*"
    """
    from analysis.answers.ranking import best as find_best
    from analysis.sweeps import open_sweeps

    source = open_sweeps(sweeps)
    ranking = find_best(source, top=top, by=by, mixed=mixed)
    if by == "test":
        from runners.sweep_files.folder import SweepFolder

        for _, sweep in source.parts:
            SweepFolder(sweep.root).note_test_read("best --by test")
    if json_output:
        from runners.commands.best import ranking_record

        print_json(ranking_record(ranking))
        return
    from analysis.text.ranking import ranking_text

    say(ranking_text(ranking, source.root, table_width(wide)))


def query(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP... SQL",
            help="Sweeps (folders, patterns, buckets), then one query over trials, epochs, images, decisions, stages.",
        ),
    ],
    output: Annotated[
        Literal["table", "json", "csv", "parquet"] | None,
        typer.Option("--format", help="Form of the answer (default: of --out's name, else table)."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="File to write the answer to; Parquet goes to a file or a pipe only.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Time limit, seconds.")] = 60,
    memory: Annotated[float, typer.Option(min=0.001, help="Memory limit, GB.")] = 4,
    wide: WideOption = False,
) -> None:
    """Answer an SQL query over the tables trials, epochs, images, decisions and stages.

    Of several sweeps, each table begins with a column `sweep`. docs/results.md lists all columns.

    The query can only read: files, network and settings are locked. In CSV an apostrophe precedes texts that begin
    with = + - @, a tab or a carriage return, so that no spreadsheet runs them; numbers stay as they are.

    Example:
      seatbelt query sweeps/architecture "select decoder, avg(selection_iou) from trials group by decoder"
      seatbelt query "sweeps/*" "from trials" --out trials.parquet
    """
    write_answer(arguments, form=output, out=out, timeout=timeout, memory=memory, wide=wide)


def reproduce(
    sweep: SweepArgument,
    trial: Annotated[str, typer.Argument(help=TRIAL)],
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs to train (default: all that are recorded).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the configuration and stop.")] = False,
) -> None:
    """Train a trial again in this process and compare every epoch with the recorded one.

    The exit code is 1 if a number differs; on a CPU with the same versions and threads none should.

    Example:
      seatbelt reproduce sweeps/architecture 3f2a --epochs 2
    """
    from runners.commands.reproduce import reproduce as run_again

    raise typer.Exit(run_again(sweep, trial, epochs=epochs, dry_run=dry_run, say=say))


def explain(
    sweep: SweepArgument,
    trial: Annotated[str, typer.Argument(help=TRIAL)],
    images: Annotated[
        list[str] | None,
        typer.Option(help="Path of an image in its data set; may be repeated (default: best and worst test image)."),
    ] = None,
    square: Annotated[int, typer.Option(min=1, help="Side of the occluding square, pixels.")] = 8,
    fill: Annotated[str, typer.Option(help="Fill of the square: white, black, mean, or 0 to 255.")] = "white",
    compare: Annotated[
        Literal["masks", "probabilities"], typer.Option(help="What the distance of two predictions compares.")
    ] = "masks",
    batch: Annotated[int | None, typer.Option(min=1, help="Images predicted at a time (default: by size).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 or auto (default: that of the sweep).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: SWEEP/report/explain).")] = None,
    json_output: JsonOption = False,
) -> None:
    """Show what a finished trial looks at: occlusion saliency and guided backpropagation.

    Writes a panel for each image, and prints the share of the importance on the target, near it and elsewhere.
    docs/explanations.md explains how to read both.

    Example:
      seatbelt explain sweeps/architecture best --images images/0005.png --fill mean
    """
    from runners.models.explain import explain_trial
    from runners.models.explain_text import explained_text
    from seatbelt.explain.explanation import Options

    options = Options(square=square, fill=fill, compare=compare, batch_size=batch)
    chosen = tuple(images or ())
    explained = explain_trial(sweep, trial, images=chosen, out=out, device=device, options=options, bar=progress_bar)
    if json_output:
        typer.echo(json.dumps([{**item.numbers, "panel": item.panel} for item in explained], indent=1))
    else:
        say(explained_text(explained))
