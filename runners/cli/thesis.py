"""`report --thesis`: the verdict of sweeps on the findings of the thesis."""

from __future__ import annotations

from runners.cli.output import print_json
from runners.terminal import say


def write_thesis(sweeps: list[str], *, json_output: bool) -> None:
    """Print the verdict of sweeps on each finding of the thesis.

    Args:
        sweeps: Locations and patterns, as `analysis.sweeps.load_all` takes them.
        json_output: JSON instead of text.

    Raises:
        UserError: A location is no sweep, or a sweep holds what none writes.
    """
    from analysis.sweeps import load_all
    from analysis.text.thesis import plain_answer, thesis_text
    from analysis.thesis.verdicts import findings
    from runners.sweep_files.folder import SweepFolder

    source = load_all(sweeps)
    answers = findings([source])
    for location in {answer.sweep for answer in answers if answer.sweep is not None}:
        SweepFolder(location).note_test_read("report --thesis")
    if json_output:
        print_json([plain_answer(answer) for answer in answers])
    else:
        say(thesis_text(answers))
