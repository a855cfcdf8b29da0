"""Builds a report: one part per sweep, and a common ranking if scores are comparable."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from analysis.answers.ranking import Ranking, best
from analysis.figures.sweep_data import SweepData
from analysis.reading.comparability import different_selections
from analysis.reading.tables import Source, SweepTables, readable
from analysis.report.blocks import CREATED, Block, Column, Command, Report, ReportPart, Section, Table, Text
from analysis.report.sections import SECTIONS
from analysis.report.sections.predictions import PredictionGallery, predictions
from analysis.report.sections.progress import Session, progress
from seatbelt.errors import UserError
from seatbelt.records.names import number_or_key
from seatbelt.records.sweep import cell_text

_RANKED = 10
_WORDS = "glossary"


def build_report(
    source: Source,
    created: datetime.datetime,
    sessions: Mapping[str, Session] | None = None,
    galleries: Mapping[str, PredictionGallery] | None = None,
) -> Report:
    """Return the report on one sweep, or on several.

    Args:
        source: The sweeps, finished or not.
        created: When, UTC.
        sessions: Location of a sweep -> what its tables do not say of it while it runs.
        galleries: Location of a sweep -> predictions of its leading arms.

    Raises:
        UserError: Tables cannot be read or hold values that no sweep writes.
    """
    parts = [
        _part(name or sweep.name, sweep, (sessions or {}).get(sweep.root), (galleries or {}).get(sweep.root), created)
        for name, sweep in source.parts
    ]
    title = f"Sweep {parts[0].title}" if len(parts) == 1 else f"{len(parts)} sweeps"
    if len(parts) > 1:
        # The glossary appears once, at the end.
        parts = [_without_words(part) for part in parts[:-1]] + parts[-1:]
        parts.insert(0, _overview(source))
    return Report(title=title, created=created.strftime(CREATED), parts=tuple(parts))


def _part(
    name: str,
    sweep: SweepTables,
    session: Session | None,
    gallery: PredictionGallery | None,
    now: datetime.datetime,
) -> ReportPart:
    data = SweepData(sweep)
    with readable(sweep):
        answers = [section(data) for section in SECTIONS]
        # The pictures follow the answer.
        built = [progress(data, session, now), answers[0], predictions(gallery), *answers[1:]]
        sections = [section for section in built if section is not None]
    return ReportPart(name=name, title=name, sections=tuple(sections))


def _without_words(part: ReportPart) -> ReportPart:
    others = tuple(section for section in part.sections if section.name != _WORDS)
    return ReportPart(name=part.name, title=part.title, sections=others)


def _overview(source: Source) -> ReportPart:
    blocks: list[Block] = []
    differing = different_selections(source)
    if differing:
        reason = differing.partition(" so that")[0].rstrip(",")
        blocks.append(
            Text(text=f"No common ranking: {reason}; scores of different sweeps are not comparable.", kind="warning")
        )
    else:
        try:
            blocks += _ranking(best(source, top=_RANKED))
        except UserError as error:
            blocks.append(Text(text=str(error), kind="note"))
    section = Section(name="ranking", title="Common ranking", blocks=tuple(blocks))
    return ReportPart(name="all", title="All sweeps together", sections=(section,))


def _ranking(ranking: Ranking) -> list[Block]:
    columns = (
        Column(name="rank", digits=0),
        Column(name="sweep"),
        Column(name="arm"),
        Column(name="selection IoU", digits=3),
        Column(name="sd", digits=3),
        Column(name="test IoU", digits=3),
        Column(name="n", digits=0),
        Column(name="trial"),
    )
    rows = tuple(
        (
            a.rank,
            a.sweep,
            cell_text(a.cell),
            a.selection_iou,
            a.selection_sd,
            a.test_iou,
            a.replicates,
            number_or_key(a.number, a.trial_key),
        )
        for a in ranking.arms
    )
    first = ranking.arms[0]
    state = "" if ranking.complete else " Provisional: no trial is complete."
    return [
        Text(
            text=(
                f"Best of all: {cell_text(first.cell)} of {first.sweep}, selection IoU {first.selection_iou:.3f}, "
                f"n = {first.replicates}.{state}"
            ),
            kind="lead",
        ),
        Table(
            caption=f"The {len(rows)} best arms of all sweeps, on their common selection set",
            columns=columns,
            rows=rows,
        ),
        Command(what="The same in a terminal", command="seatbelt best SWEEP..."),
    ]
