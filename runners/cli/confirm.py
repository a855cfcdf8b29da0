"""`confirm`: trains the leading arms again with fresh seeds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli.options import SweepArgument, with_records
from runners.session.options import RunOptions
from runners.terminal import say
from search_spaces.space import NAMED_ARM
from seatbelt.errors import UserError

if TYPE_CHECKING:
    from analysis.answers.ranking import Arm


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(no_args_is_help=True)(with_records(confirm))


def confirm(
    sweep: SweepArgument,
    run: RunOptions,
    top: Annotated[int, typer.Option(min=1, help="Number of leading arms.")] = 5,
    replicates: Annotated[int, typer.Option(min=1, help="Fresh seeds for each, the same for all.")] = 5,
    arm: Annotated[
        list[str] | None, typer.Option(help="Also this arm: the first digits of its key, or the name of a named arm.")
    ] = None,
    baseline: Annotated[bool, typer.Option(help="Confirm the baseline too, to compare with.")] = True,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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
    ranking = best(load(sweep), top=1_000_000).arms
    cells = [ranked.cell for ranked in ranking[:top]]
    further = [_cell_of_arm(name, ranking, sweep) for name in arm or ()]
    further += [baseline_cell] if baseline and baseline_cell else []
    cells += [cell for cell in further if cell not in cells]
    code = run_session(prepare_confirmation(sweep, tuple(cells), replicates, run))
    folder.note_test_read("confirm")
    confirmation = confirmed(load(sweep))
    if json_output:
        typer.echo(json.dumps(asdict(confirmation), indent=1))
    else:
        say(confirmation_text(confirmation))
    raise typer.Exit(code)


def _cell_of_arm(name: str, arms: list[Arm], sweep: str) -> dict[str, str]:
    cells = [arm.cell for arm in arms if arm.arm_key.startswith(name) or arm.cell.get(NAMED_ARM) == name]
    if len(cells) != 1:
        what = "no arm" if not cells else f"{len(cells)} arms"
        raise UserError(f"{sweep} has {what} called {name!r}; `seatbelt best {sweep} --json` tells their keys")
    return cells[0]
