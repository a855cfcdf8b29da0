"""`effects`, `importance`, `rungs`: what each choice contributes, and whether the rungs suit the sweep."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from runners.cli.options import JsonOption, SweepArgument, WideOption
from runners.cli.output import print_json, table_width
from runners.terminal import say


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (effects, importance, rungs):
        app.command(no_args_is_help=True)(command)


def effects(
    sweep: SweepArgument,
    factor: Annotated[str | None, typer.Option(help="Only this factor (default: all that varied).")] = None,
    pairs: Annotated[
        bool, typer.Option("--interactions", help="Show what pairs of levels add beyond their sum.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show all interactions, not only the surest.")] = False,
    at: Annotated[int | None, typer.Option(min=1, help="Compare at this rung instead of the end.")] = None,
    score: Annotated[Literal["selection", "test"], typer.Option(help="Score to explain.")] = "selection",
    estimator: Annotated[
        Literal["mixed", "likelihood", "weights", "naive"] | None,
        typer.Option(help="How to account for pruned trials (default: by the sweep; naive is for comparison only)."),
    ] = None,
    adjust: Annotated[
        Literal["holm", "bh"], typer.Option(help="Adjustment of p-values: Holm, or Benjamini and Hochberg.")
    ] = "holm",
    wide: WideOption = False,
    json_output: JsonOption = False,
) -> None:
    """Show what each level of each factor adds to the score, with intervals.

    In a pruned sweep the estimator of the final score avoids the bias of pruning. docs/statistics.md explains how, and
    measures how well the intervals hold.

    Example:
      seatbelt effects sweeps/augmentation --factor cutout
      seatbelt effects sweeps/joint --interactions
    """
    from analysis import load

    width = table_width(wide)
    if pairs:
        from analysis.answers.interactions import interactions
        from analysis.text.importance import interactions_text

        pair_effects = interactions(load(sweep))
        print_json(pair_effects) if json_output else say(interactions_text(pair_effects, width, everything=everything))
        return
    from analysis.answers.effects import effects as estimate
    from analysis.text.effects import effects_text
    from runners.sweep_files.folder import SweepFolder

    estimates = estimate(load(sweep), factor=factor, at=at, score=score, estimator=estimator, family=adjust)
    if score == "test":
        SweepFolder(sweep).note_test_read("effects --score test")
    print_json(estimates) if json_output else say(effects_text(estimates, width))


def importance(sweep: SweepArgument, wide: WideOption = False, json_output: JsonOption = False) -> None:
    """Show how much of the scores' variation each factor explains.

    Shapley shares of the factorial model, from pruned and complete trials, beside Optuna's fANOVA and PED-ANOVA.

    Example:
      seatbelt importance sweeps/joint
    """
    from analysis import load
    from analysis.answers.importance import importance as estimate
    from analysis.text.importance import importance_text

    shares = estimate(load(sweep))
    print_json(shares) if json_output else say(importance_text(shares, table_width(wide)))


def rungs(sweep: SweepArgument, json_output: JsonOption = False) -> None:
    """Show how well scores at each rung rank the final ones, and whether the first rung should move.

    Example:
      seatbelt rungs sweeps/augmentation
    """
    from analysis import load
    from analysis.answers.rungs import rungs as estimate
    from analysis.text.importance import rungs_text

    correlations = estimate(load(sweep))
    print_json(correlations) if json_output else say(rungs_text(correlations))
