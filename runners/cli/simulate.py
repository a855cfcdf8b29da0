"""`simulate`: compares search strategies in virtual time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.terminal import progress_bar, say

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = ("ray", "optuna/asha", "factorial/none", "factorial/asha")
"""Strategies to compare by default."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(no_args_is_help=True)(simulate)


def simulate(
    worlds: Annotated[
        list[str],
        typer.Argument(
            metavar="WORLD...",
            help="A finished sweep without pruning, or SPACE:FAMILY with arch or joint and slow, indep, fast, noisy, "
            "flat or rugged.",
        ),
    ],
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="PROPOSE/PRUNE such as factorial/none; ray (Ray Tune's usual pair), optuna-median, optuna-hyperband, "
            "optuna-sha; syne-tune-asha and syne-tune-bohb with seatbelt\\[peers]; repeat for more "
            f"(default: {', '.join(DEFAULT)})."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Simulated sweeps of each strategy in each world.")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first.")] = 0,
    budget: Annotated[
        float | None,
        typer.Option(min=1, help="Epochs of the average arm (default: 1500; of a recorded sweep, all it holds)."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials at a time.")] = 8,
    failures: Annotated[float, typer.Option(min=0, max=0.5, help="Probability to lose a worker in an epoch.")] = 0.0,
    stragglers: Annotated[
        float, typer.Option(min=0, max=1, help="Probability that a leg takes 3 times as long.")
    ] = 0.0,
    reference: Annotated[
        str | None, typer.Option(help="Reference of the ratios (default: the first strategy).")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes (default: one per core).")] = None,
    out: Annotated[Path | None, typer.Option(help="Parquet table; the same command again continues it.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Folder for a figure of each world, as PNG.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be simulated and stop.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Compare search strategies without training: the decisions of our own and of other tools, in virtual time.

    A recorded sweep is replayed with its recorded curves, and offers nothing else. docs/search.md has
    the results.

    Examples:
      seatbelt simulate arch:slow --seeds 4

      seatbelt simulate sweeps/architecture joint:indep --strategy ray --strategy factorial/asha --out simulated.parquet
    """
    from runners.simulation.batch import check, simulate_all
    from runners.simulation.regret import Setting
    from runners.simulation.summary import summary
    from runners.simulation.summary_text import summary_text

    strategies = list(dict.fromkeys(strategy or DEFAULT))
    settings = [
        Setting(
            world=world,
            strategy=name,
            seed=seed,
            budget=budget,
            workers=workers,
            failures=failures,
            stragglers=stragglers,
        )
        for world in dict.fromkeys(worlds)
        for name in strategies
        for seed in range(first_seed, first_seed + seeds)
    ]
    reference = reference or strategies[0]
    budgets = check(settings, reference)
    if dry_run:
        for world, cost in budgets.items():
            say(f"{world}: {len(strategies)} strategies x {seeds} sweeps, each {cost:,.0f} epochs of the average arm")
        return
    with progress_bar("sweeps", hidden=quiet) as progress:
        table = simulate_all(settings, out, jobs=jobs or os.cpu_count() or 1, progress=progress)
    regrets = summary(table, reference)
    if json_output:
        from analysis.reading.plain_values import plain_rows
        from analysis.text.tables import json_text

        typer.echo(json_text(plain_rows(regrets)))
    else:
        say(summary_text(regrets, reference, budgets))
    if figure is not None:
        _draw(table, figure)


def _draw(table: pd.DataFrame, folder: Path) -> None:
    from analysis.figures.files import figure_file
    from runners.simulation.summary_text import regret_figure

    folder.mkdir(parents=True, exist_ok=True)
    for world, rows in table.groupby("world", sort=False):
        path = folder / f"regret-{Path(str(world)).name.replace(':', '-')}.png"
        path.write_bytes(figure_file(regret_figure(rows, str(world)), "png"))
        say(f"drew {path}")
