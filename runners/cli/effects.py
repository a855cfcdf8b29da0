"""`effects`, `importance`, `rungs`: what each choice contributes, and whether pruning looked at the right epochs."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli.options import SweepArgument
from runners.terminal import say

if TYPE_CHECKING:
    from analysis.statistics.estimators import Name


class EstimatorName(enum.StrEnum):
    """Ways to estimate effects."""

    mixed = "mixed"
    likelihood = "likelihood"
    weights = "weights"
    naive = "naive"


class ScoreName(enum.StrEnum):
    """Scores that effects are on."""

    selection = "selection"
    test = "test"


class FamilyName(enum.StrEnum):
    """Adjustments of p-values."""

    holm = "holm"
    bh = "bh"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (effects, importance, rungs):
        app.command(no_args_is_help=True)(command)


def effects(
    sweep: SweepArgument,
    factor: Annotated[str | None, typer.Option(help="Only this factor (default: all that varied).")] = None,
    pairs: Annotated[bool, typer.Option("--interactions", help="What pairs of levels have beyond their sum.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All interactions, not only the surest.")] = False,
    at: Annotated[int | None, typer.Option(min=1, help="Compare at this rung instead of the end.")] = None,
    score: Annotated[ScoreName, typer.Option(help="Score that effects are on.")] = ScoreName.selection,
    estimator: Annotated[
        EstimatorName | None,
        typer.Option(help="How pruned trials are accounted for (default: what suits; naive is for comparison only)."),
    ] = None,
    adjust: Annotated[FamilyName, typer.Option(help="Holm, or Benjamini and Hochberg.")] = FamilyName.holm,
    json_output: JsonOption = False,
) -> None:
    """Show what each level of each factor adds to the score, with intervals.

    In a pruned sweep the final score is estimated so that pruning biases no effect. docs/statistics.md tells how, and
    how well the intervals hold.

    Example:
      seatbelt effects sweeps/augmentation --factor cutout
      seatbelt effects sweeps/joint --interactions
    """
    from analysis import load

    if pairs:
        from analysis.answers.interactions import interactions
        from analysis.text.importance import interactions_text

        told = interactions(load(sweep))
        _print(told) if json_output else say(interactions_text(told, everything=everything))
        return
    from analysis.answers.effects import effects as estimate
    from analysis.text.effects import effects_text

    name: Name | None = None
    if estimator is not None:
        name = estimator.value
    found = estimate(
        load(sweep),
        factor=factor,
        at=at,
        score=score.value,
        estimator=name,
        family=adjust.value,
    )
    if score is ScoreName.test:
        from runners.sweep.folder import SweepFolder

        SweepFolder(sweep).note_test_read("effects --score test")
    _print(found) if json_output else say(effects_text(found))


def importance(sweep: SweepArgument, json_output: JsonOption = False) -> None:
    """Show how much of the scores' variation each factor explains.

    Shapley shares of the factorial model, from pruned and complete trials, beside Optuna's fANOVA and PED-ANOVA.

    Example:
      seatbelt importance sweeps/joint
    """
    from analysis import load
    from analysis.answers.importance import importance as estimate
    from analysis.text.importance import importance_text

    found = estimate(load(sweep))
    _print(found) if json_output else say(importance_text(found))


def rungs(sweep: SweepArgument, json_output: JsonOption = False) -> None:
    """Show how well scores at each rung rank the final ones, and whether the first rung should move.

    Example:
      seatbelt rungs sweeps/augmentation
    """
    from analysis import load
    from analysis.answers.rungs import rungs as estimate
    from analysis.text.importance import rungs_text

    found = estimate(load(sweep))
    _print(found) if json_output else say(rungs_text(found))


def _print(found: Any) -> None:  # noqa: ANN401  (any dataclass)
    from dataclasses import asdict

    from analysis.text.tables import json_text

    typer.echo(json_text(asdict(found)))
