"""`confirm`: trains the leading arms again with fresh seeds."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli.options import ARM, JsonOption, SweepArgument, WideOption, with_records
from runners.cli.output import table_width
from runners.session.options import RunOptions
from runners.terminal import say

if TYPE_CHECKING:
    from analysis.reading.tables import SweepTables


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(no_args_is_help=True)(with_records(confirm))


def confirm(
    sweep: SweepArgument,
    run: RunOptions,
    top: Annotated[int, typer.Option(min=1, help="Number of leading arms.")] = 5,
    replicates: Annotated[int, typer.Option(min=1, help="Fresh seeds for each, the same for all.")] = 5,
    arm: Annotated[list[str] | None, typer.Option(help=f"Also this arm; may be repeated. {ARM}")] = None,
    baseline: Annotated[bool, typer.Option(help="Confirm the baseline too, to compare with.")] = True,
    wide: WideOption = False,
    json_output: JsonOption = False,
) -> None:
    """Train the leading arms again with fresh seeds to their full epochs, and print what is left of their lead.

    The search chose these arms for high scores, some of which were luck. The same command again continues where the
    last one ended, and only prints once nothing is missing.

    Example:
      seatbelt confirm sweeps/augmentation --top 3 --replicates 5
    """
    from analysis import load
    from analysis.answers.confirmation import confirmed
    from analysis.answers.ranking import best
    from analysis.text.confirmation import confirmation_text
    from runners.commands.prepare import prepare_confirmation
    from runners.commands.run import run_session
    from runners.sweep_files.folder import SweepFolder

    folder = SweepFolder(sweep)
    baseline_cell = folder.describe().baseline
    tables = load(sweep)
    cells = [ranked.cell for ranked in best(tables, top=top).arms]
    further = _cells_of_arms(tables, arm) if arm else []
    further += [baseline_cell] if baseline and baseline_cell else []
    cells += [cell for cell in further if cell not in cells]
    repeat = _command(sweep, top, replicates, arm or [], baseline=baseline)
    code = run_session(prepare_confirmation(sweep, tuple(cells), replicates, run), repeat=repeat)
    folder.note_test_read("confirm")
    confirmation = confirmed(load(sweep))
    if json_output:
        typer.echo(json.dumps(asdict(confirmation), indent=1))
    else:
        say(confirmation_text(confirmation, table_width(wide)))
    raise typer.Exit(code)


def _command(sweep: str, top: int, replicates: int, arms: list[str], *, baseline: bool) -> str:
    words = ["seatbelt", "confirm", sweep, "--top", f"{top}", "--replicates", f"{replicates}"]
    words += [word for arm in arms for word in ("--arm", arm)]
    return shlex.join(words if baseline else [*words, "--no-baseline"])


def _cells_of_arms(sweep: SweepTables, words: list[str]) -> list[dict[str, str]]:
    from analysis.answers.ranking import best_trial
    from analysis.reading.lookup import find_arm
    from analysis.reading.tables import readable

    with readable(sweep):
        trials = sweep.trials
        return [find_arm(trials, word, lambda: best_trial(sweep)).cell for word in words]
