"""`confirm`: leading arms again, with fresh seeds."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli.options import (
    Address,
    Cpus,
    Engine,
    EngineName,
    EpochTimeout,
    Gpus,
    Insecure,
    PublishEvery,
    Quiet,
    Slots,
    Stages,
    SweepArgument,
    session_of,
)
from runners.terminal import say
from search_spaces.space import NAMED_ARM
from seatbelt.errors import UserError

if TYPE_CHECKING:
    from analysis.answers.ranking import Arm


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(no_args_is_help=True)(confirm)


def confirm(
    context: typer.Context,
    sweep: SweepArgument,
    top: Annotated[int, typer.Option(min=1, help="Number of leading arms.")] = 5,
    replicates: Annotated[int, typer.Option(min=1, help="Fresh seeds for each, the same for all.")] = 5,
    arm: Annotated[
        list[str] | None, typer.Option(help="Also this arm: the first digits of its key, or the name of a named arm.")
    ] = None,
    baseline: Annotated[bool, typer.Option(help="Confirm the baseline too, to compare with.")] = True,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    engine: Engine = EngineName.ray,
    address: Address = None,
    allow_insecure: Insecure = False,
    slots: Slots = None,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    epoch_minutes: EpochTimeout = 120,
    publish_every: PublishEvery = 30,
    stages: Stages = None,
    quiet: Quiet = False,
) -> None:
    """Train the leading arms again with fresh seeds to their full epochs, and say what is left of their lead.

    The search chose them for high scores, some of which were luck. The same command again goes on where it ended,
    and only prints when nothing is missing.

    Example:
      seatbelt confirm sweeps/augmentation --top 3 --replicates 5
    """
    from analysis import load
    from analysis.answers.confirmation import confirmed
    from analysis.answers.ranking import best
    from analysis.text.confirmation import confirmation_text
    from runners.commands.run import confirm as run_confirmation
    from runners.sweep.folder import SweepFolder

    folder = SweepFolder(sweep)
    told = folder.describe().baseline
    ranked = best(load(sweep), top=1_000_000).arms
    cells = [found.cell for found in ranked[:top]]
    wanted = [_named(name, ranked, sweep) for name in arm or ()] + ([told] if baseline and told else [])
    cells += [cell for cell in wanted if cell not in cells]
    # The replicates of a confirmation are not those of the search.
    session = dataclasses.replace(session_of(context), replicates=None)
    code = run_confirmation(sweep, tuple(cells), replicates, session)
    folder.note_test_read("confirm")
    found = confirmed(load(sweep))
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(found), indent=1))
    else:
        say(confirmation_text(found))
    raise typer.Exit(code)


def _named(name: str, arms: list[Arm], sweep: str) -> dict[str, str]:
    cells = [arm.cell for arm in arms if arm.arm_key.startswith(name) or arm.cell.get(NAMED_ARM) == name]
    if len(cells) != 1:
        what = "no arm" if not cells else f"{len(cells)} arms"
        raise UserError(f"{sweep} has {what} called {name!r}; `seatbelt best {sweep} --json` tells their keys")
    return cells[0]
