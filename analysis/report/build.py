"""Putting a report together: one part per sweep, and a common ranking where scores compare."""

from __future__ import annotations

import datetime

from analysis.answers.ranking import Ranking, best
from analysis.figures.sweep_data import Material
from analysis.reading.comparability import different_selections
from analysis.reading.tables import Source, SweepTables, readable
from analysis.report.blocks import Block, Command, Head, Part, Report, Section, Table, Text
from analysis.report.sections import SECTIONS
from seatbelt.errors import UserError
from seatbelt.records.sweep import cell_text

_RANKED = 10
_WORDS = "glossary"


def build_report(source: Source, made: datetime.datetime) -> Report:
    """Return the report on one sweep, or on several.

    Args:
        source: The sweeps; finished or not.
        made: When, UTC.

    Raises:
        UserError: Tables cannot be read or hold what no sweep writes.
    """
    parts = [_part(name or sweep.name, sweep) for name, sweep in source.parts]
    title = f"Sweep {parts[0].title}" if len(parts) == 1 else f"{len(parts)} sweeps"
    if len(parts) > 1:
        # The words are told once.
        parts = [_without_words(part) for part in parts[:-1]] + parts[-1:]
        parts.insert(0, _overview(source))
    return Report(title=title, made=made.strftime("%Y-%m-%d %H:%M UTC"), parts=tuple(parts))


def _part(name: str, sweep: SweepTables) -> Part:
    material = Material(sweep)
    with readable(sweep):
        sections = [found for section in SECTIONS if (found := section(material)) is not None]
    return Part(name=name, title=name, sections=tuple(sections))


def _without_words(part: Part) -> Part:
    kept = tuple(section for section in part.sections if section.name != _WORDS)
    return Part(name=part.name, title=part.title, sections=kept)


def _overview(source: Source) -> Part:
    blocks: list[Block] = []
    differing = different_selections(source)
    if differing:
        told = differing.partition(" so that")[0].rstrip(",")
        blocks.append(
            Text(text=f"No common ranking: {told}; scores of different sweeps do not compare.", kind="warning")
        )
    else:
        try:
            blocks += _ranking(best(source, top=_RANKED))
        except UserError as error:
            blocks.append(Text(text=str(error), kind="note"))
    section = Section(name="ranking", title="Common ranking", blocks=tuple(blocks))
    return Part(name="all", title="All sweeps together", sections=(section,))


def _ranking(found: Ranking) -> list[Block]:
    heads = (
        Head(name="rank", digits=0),
        Head(name="sweep"),
        Head(name="arm"),
        Head(name="selection IoU", digits=3),
        Head(name="sd", digits=3),
        Head(name="test IoU", digits=3),
        Head(name="n", digits=0),
        Head(name="trial"),
    )
    rows = tuple(
        (a.rank, a.sweep, cell_text(a.cell), a.selection_iou, a.selection_sd, a.test_iou, a.replicates, a.trial_key)
        for a in found.arms
    )
    first = found.arms[0]
    state = "" if found.complete else " Provisional: no trial is complete."
    return [
        Text(
            text=(
                f"Best of all: {cell_text(first.cell)} of {first.sweep}, selection IoU {first.selection_iou:.3f}, "
                f"n = {first.replicates}.{state}"
            ),
            kind="lead",
        ),
        Table(caption=f"The {len(rows)} best arms of all sweeps, which share a selection set", heads=heads, rows=rows),
        Command(what="The same in a terminal", command="seatbelt best SWEEP..."),
    ]
