"""Weaknesses of the answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from analysis.figures.chart import numbers
from analysis.figures.progress import comparable_baselines
from analysis.figures.sweep_data import SweepData
from analysis.reading.unfinished import unfinished_text
from analysis.report.blocks import Section, Text, capital
from analysis.report.sections.answer import lead_over_second
from seatbelt.errors import UserError
from seatbelt.records.tables import FINAL, Status
from seatbelt.text.wording import counted

_FEW_SUBJECTS = 8
_EMBEDDED = re.compile(r"default-\d+")
"""Names of the embedded scenes in a sweep without data of the user."""


def evidence(data: SweepData) -> Section:
    """Return the section."""
    warnings = [Text(text=text, kind="warning") for check in CHECKS for text in check(data)]
    blocks = warnings or [Text(text="None of the usual weaknesses was found.", kind="good")]
    return Section(name="evidence", title="How far to trust it", blocks=tuple(blocks))


def _unfinished(data: SweepData) -> Iterator[str]:
    counts = {str(status): int(n) for status, n in data.trials["status"].value_counts().items()}
    if data.arms.empty:
        yield "No trial is complete: nothing below is a result yet."
    note = unfinished_text(counts)
    if note:
        yield f"{capital(note)}."


def _replicates(data: SweepData) -> Iterator[str]:
    where = shlex.quote(data.sweep.root)
    if data.arms.empty:
        return
    if int(data.arms["replicates"].max()) == 1:
        yield (
            "Each arm has one trial: differences may be chance, and selection scores have no intervals. "
            f"`seatbelt resume {where} --replicates 3` adds trials."
        )
    elif int(data.arms["replicates"].iloc[0]) == 1:
        yield "The best arm has only one trial, while others have more: its score may be luck."


def _lead(data: SweepData) -> Iterator[str]:
    lead = lead_over_second(data)
    if lead is not None and lead.low is not None and lead.high is not None and lead.low <= 0 <= lead.high:
        yield (
            f"The best arm is not distinguishable from the second best: {lead.mean:+.3f} "
            f"[{lead.low:+.3f}, {lead.high:+.3f}], "
            f"n = {counted(lead.n, 'pair')}."
        )


def _baselines(data: SweepData) -> Iterator[str]:
    baselines = comparable_baselines(data)
    if data.arms.empty or not baselines:
        return
    name, value = max(baselines.items(), key=lambda item: item[1])
    first = data.arms.iloc[0]
    low = numbers([first["selection_low"]])[0]
    if first["selection_iou"] <= value:
        yield (
            f"The best arm ({first['selection_iou']:.3f}) does not beat the trivial baseline {name} ({value:.3f}), "
            "which looks at no image."
        )
    elif low is not None and low <= value:
        yield f"The interval of the best arm extends down to {low:.3f}; the trivial baseline {name} has {value:.3f}."
    worse = int((data.arms["selection_iou"] <= value).sum())
    if first["selection_iou"] > value and worse:
        yield f"{worse} of {len(data.arms)} arms do not beat the trivial baseline {name} ({value:.3f})."


def _confirmation(data: SweepData) -> Iterator[str]:
    if len(data.arms) < 2 or (data.trials["role"] == "confirmation").any():
        return
    yield (
        f"Part of the winner's score is luck (it was the best of {len(data.arms)} arms); "
        f"`seatbelt confirm {shlex.quote(data.sweep.root)} --top 3 --replicates 3` measures how much."
    )


def _effects(data: SweepData) -> Iterator[str]:
    try:
        effects = data.effects.effects
    except UserError:
        return
    open_ones = [effect for effect in effects if not effect.decided]
    if open_ones:
        sizes = [effect.detectable for effect in open_ones if effect.detectable is not None]
        could = f" Effects below {max(sizes):.3f} are not detectable with this number of trials." if sizes else ""
        yield f"Not decided: {len(open_ones)} of {counted(len(effects), 'effect')}.{could}"


def _failures(data: SweepData) -> Iterator[str]:
    failed = data.trials[data.trials["status"].isin([status.value for status in FINAL - {Status.COMPLETE}])]
    if failed.empty:
        return
    counts = ", ".join(f"{n} {status}" for status, n in failed["status"].value_counts().items())
    errors = failed["error"].dropna()
    first = f" The first error: {' '.join(str(errors.iloc[0]).split())[:200]}" if len(errors) else ""
    yield f"Of {len(data.trials)} trials, some ended without a result ({counts}) and have no score.{first}"


def _subjects(data: SweepData) -> Iterator[str]:
    subjects = numbers(data.arms["subjects"].head(1))
    if subjects and subjects[0] is not None and subjects[0] < _FEW_SUBJECTS:
        yield f"The test images show only {counted(int(subjects[0]), 'subject')}: test intervals are too narrow."


def _rendered(data: SweepData) -> Iterator[str]:
    if any(_EMBEDDED.fullmatch(source.name) for source in data.sweep.record.data):
        yield (
            "The data are the embedded scenes: their 'real' images are a rendered stand-in, and scores on them say "
            "nothing about photographs."
        )


def _mixed(data: SweepData) -> Iterator[str]:
    distinct = data.query(
        "select count(distinct git_commit) as commits, count(distinct versions) as versions, "
        "count(distinct device) as devices from trials"
    ).iloc[0]
    differing = [
        counted(int(distinct[name]), name[:-1]) for name in ("commits", "versions", "devices") if distinct[name] > 1
    ]
    if differing:
        yield f"The trials were not all run under the same conditions: {', '.join(differing)} (see provenance)."


CHECKS: list[Callable[[SweepData], Iterator[str]]] = [
    _unfinished,
    _baselines,
    _replicates,
    _lead,
    _confirmation,
    _effects,
    _failures,
    _subjects,
    _rendered,
    _mixed,
]
"""Each check yields its warnings."""
