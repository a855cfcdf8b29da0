"""`compare`, `why`, `recommend`: two arms side by side, the story of a trial, and the arm to use."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from runners.cli.options import ARM, TRIAL, JsonOption, SweepArgument, WideOption
from runners.cli.output import print_json, table_width
from runners.terminal import say

ArmArgument = Annotated[str, typer.Argument(metavar="ARM", help=ARM)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (compare, why, recommend):
        app.command(no_args_is_help=True)(command)


def compare(
    sweep: SweepArgument,
    first: ArmArgument,
    second: ArmArgument,
    role: Annotated[
        Literal["arm", "confirmation"],
        typer.Option(help="Trials of the search, or those of `confirm` with fresh seeds."),
    ] = "arm",
    wide: WideOption = False,
    json_output: JsonOption = False,
) -> None:
    """Compare two arms over their complete trials, paired by replicate and by test image.

    Selection: Student's 95 % interval over replicates. Test: bootstrap over subjects and replicates. The
    difference that this number of replicates can show (80 % power at 5 %) tells "no difference" from "too few
    replicates".

    Example:
      seatbelt compare sweeps/architecture decoder=unet,encoder=resnet34 decoder=fpn,encoder=resnet34
      seatbelt compare sweeps/architecture best 7
    """
    from analysis import load
    from analysis.answers.comparison import compare as find_difference
    from analysis.text.comparison import comparison_text
    from runners.sweep_files.folder import SweepFolder

    comparison = find_difference(load(sweep), first, second, role=role)
    SweepFolder(sweep).note_test_read("compare")
    if json_output:
        print_json(comparison)
    else:
        say(comparison_text(comparison, table_width(wide)))


def why(
    sweep: SweepArgument,
    trial: Annotated[str, typer.Argument(help=TRIAL)],
    json_output: JsonOption = False,
) -> None:
    """Tell the story of a trial: who proposed it and why, what each rung decided, how it ended.

    Example:
      seatbelt why sweeps/architecture 7
    """
    from analysis import load
    from analysis.answers.why import why as find_story
    from analysis.text.why import story_text

    story = find_story(load(sweep), trial)
    if json_output:
        print_json(story)
    else:
        say(story_text(story))


def recommend(
    sweep: SweepArgument,
    within: Annotated[float, typer.Option(min=0, help="Arms within this IoU of the best one count as good.")] = 0.005,
    sure: Annotated[float, typer.Option(min=0.5, max=0.999, help="Probability to reach.")] = 0.9,
    json_output: JsonOption = False,
) -> None:
    """Recommend an arm by the factorial model of all trials, pruned ones too, and print how sure that is.

    It has the best posterior mean, which borrows from arms that share its levels; `seatbelt best` ranks by the mean
    over an arm's few replicates. docs/search.md measures how far the probability can be trusted.

    Example:
      seatbelt recommend sweeps/joint --within 0.01
    """
    from runners.commands.recommend import recommendation, recommendation_lines

    recommended = recommendation(sweep, within, sure)
    if json_output:
        print_json(recommended)
        return
    for line in recommendation_lines(recommended):
        say(line)
