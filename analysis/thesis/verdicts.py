"""Verdicts of sweeps on the findings of the thesis: agrees, does not agree, not decided.

A finding consists of contrasts of mean test IoU that must all exceed a bound. Each contrast has two one-sided tests,
for
exceeding the bound and for not exceeding it (Schuirmann 1987, doi:10.1007/BF01068419, for bounds other than 0); their
p-values are doubled, so that a single contrast is decided by its 95 % interval. The p-value for all contrasts exceeding
the
bound is the largest (Berger 1982, doi:10.1080/00401706.1982.10487790); that for one not exceeding it is the smallest
times
their number. At most one of the two claims can be wrong, so the smaller p-value enters the family of findings, which is
adjusted by Holm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from analysis.reading.tables import Location, Source, SweepTables, readable
from analysis.statistics.intervals import LEVEL
from analysis.statistics.multiple_testing import adjusted
from analysis.statistics.power import replicates_needed
from analysis.thesis.findings import FINDINGS, MATTERS, Finding
from analysis.thesis.scores import ArmScores, ContrastEstimate
from analysis.thesis.simultaneous import one_against_all, spread_of_all
from seatbelt.records.tables import Status

Verdict = Literal["agrees", "does not agree", "not decided", "no sweep"]


@dataclass(frozen=True, kw_only=True)
class FindingResult:
    """The verdict of a sweep on a finding."""

    number: str
    where: str
    claim: str
    study: str
    question: str
    kind: str
    """See `Finding.kind`."""
    rule: str
    verdict: Verdict
    sweep: str | None
    """Location of the sweep."""
    setting: str | None
    """Data, epochs and replicates of the sweep, which usually differ from the thesis."""
    parts: list[ContrastEstimate]
    weakest: ContrastEstimate | None
    """The contrast with the smallest effect (for `spread`: the range)."""
    p_value: float | None
    """P-value of the verdict, adjusted over all testable findings (Holm)."""
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class _Tested:
    """A result before the adjustment, with the p-values of both sides."""

    answer: FindingResult
    holds: float | None
    fails: float | None


def findings(sources: Iterable[Source | Location]) -> list[FindingResult]:
    """Test every finding of the thesis with the sweeps of its study.

    Args:
        sources: Sweeps or their locations. Of several sweeps of one study, the one with the most complete trials is
            used,
            with a note.

    Returns:
        A result for each of `FINDINGS`, in their order.

    Raises:
        UserError: A location is no sweep, or its tables hold values that no sweep writes.
    """
    sweeps_of_study = _by_study(sources)
    tested = [_tested(finding, sweeps_of_study.get(finding.study, [])) for finding in FINDINGS]
    smaller = [None if t.holds is None or t.fails is None else min(t.holds, t.fails) for t in tested]
    return [_decided(one, p_value) for one, p_value in zip(tested, adjusted(smaller, "holm"), strict=True)]


def _by_study(sources: Iterable[Source | Location]) -> dict[str, list[tuple[SweepTables, ArmScores]]]:
    """Return the sweeps of each study of the thesis, the one with the most scores first."""
    sweeps: list[SweepTables] = []
    for source in sources:
        if isinstance(source, str | os.PathLike):
            sweeps.append(SweepTables(source))
        else:
            sweeps += [sweep for _, sweep in source.parts]
    studies = {finding.study for finding in FINDINGS}
    by_study: dict[str, list[tuple[SweepTables, ArmScores]]] = {}
    for sweep in sweeps:
        with readable(sweep):
            study = sweep.record.study
            if study in studies:
                by_study.setdefault(study, []).append((sweep, ArmScores(sweep)))
    return {study: sorted(members, key=lambda pair: -pair[1].trials) for study, members in by_study.items()}


def _tested(finding: Finding, sweeps: Sequence[tuple[SweepTables, ArmScores]]) -> _Tested:
    if not sweeps:
        note = f"no sweep of this study; run `seatbelt sweep {finding.study}`"
        return _Tested(answer=_answer(finding, None, [], [note]), holds=None, fails=None)
    sweep, scores = sweeps[0]
    notes = (
        []
        if len(sweeps) == 1
        else [f"uses the one of {len(sweeps)} sweeps of this study with the most complete trials"]
    )
    with readable(sweep):
        setting = _setting(sweep, scores)
        if not scores.trials:
            notes.append("no complete trial has a test score")
            return _Tested(answer=_answer(finding, sweep, [], notes, setting), holds=None, fails=None)
        stopped = int(sweep.trials["status"].isin([Status.PRUNED.value, Status.PAUSED.value]).sum())
        parts, holds, fails, more = _measured(finding, scores)
    notes += more
    if stopped:
        notes.append(
            f"{stopped} trials were pruned; the complete ones were selected for their scores, so there is no verdict"
        )
    elif scores.replicates < 2:
        notes.append("one replicate says nothing about chance; add --replicates")
    if stopped or scores.replicates < 2:
        holds = fails = None
    return _Tested(answer=_answer(finding, sweep, parts, notes, setting), holds=holds, fails=fails)


def _measured(
    finding: Finding, scores: ArmScores
) -> tuple[list[ContrastEstimate], float | None, float | None, list[str]]:
    """Return the contrasts, the p-values that support and refute the finding, and notes."""
    if finding.kind == "spread":
        return spread_of_all(scores, -finding.above)
    if finding.kind == "best":
        assert finding.arm is not None
        return one_against_all(scores, finding.arm, finding.above, finding.refuted_below)
    parts = (
        scores.switches()
        if finding.kind == "switches"
        else [scores.contrast(contrast) for contrast in finding.contrasts(scores.levels)]
    )
    estimated = [part for part in parts if part.effect is not None]
    notes = [] if estimated else ["the sweep lacks the levels of this finding"]
    missing = [part.name for part in parts if part.effect is None]
    if estimated and missing:
        notes.append(f"no estimate: {', '.join(missing)}")
    if not estimated or any(part.error is None for part in estimated):
        return parts, None, None, notes
    holds = max(_p_above(part, finding.above) for part in estimated)
    fails = min(1.0, len(estimated) * min(_p_below(part, finding.refuted_below) for part in estimated))
    return parts, holds, fails, notes


def _setting(sweep: SweepTables, scores: ArmScores) -> str:
    data = ", ".join(dict.fromkeys(source.name for source in sweep.record.data))
    epochs = sweep.trials["epochs_planned"].max()
    epochs_text = f"{int(epochs)} epochs, " if epochs == epochs else ""
    replicates = "1 replicate" if scores.replicates == 1 else f"{scores.replicates} replicates"
    return f"data {data or 'unknown'}, {epochs_text}{replicates}"


def _answer(
    finding: Finding,
    sweep: SweepTables | None,
    parts: list[ContrastEstimate],
    notes: list[str],
    setting: str | None = None,
) -> FindingResult:
    estimated = [part for part in parts if part.effect is not None]
    return FindingResult(
        number=finding.number,
        where=finding.where,
        claim=finding.claim,
        study=finding.study,
        question=finding.question,
        kind=finding.kind,
        rule=finding.rule,
        verdict="no sweep" if sweep is None else "not decided",
        sweep=None if sweep is None else sweep.root,
        setting=setting,
        parts=parts,
        weakest=min(estimated, key=lambda part: part.effect or 0.0) if estimated else None,
        p_value=None,
        notes=notes,
    )


def _decided(tested: _Tested, p_value: float | None) -> FindingResult:
    answer = tested.answer
    if p_value is None:
        return answer
    assert tested.holds is not None and tested.fails is not None
    if p_value < 1 - LEVEL:
        # A gain that is significant but significantly small still agrees: the claim is only that there is a gain.
        surely = tested.holds * len(FINDINGS) < 1 - LEVEL
        verdict: Verdict = "agrees" if surely or tested.holds <= tested.fails else "does not agree"
        return replace(answer, verdict=verdict, p_value=p_value)
    return replace(answer, p_value=p_value, notes=[*answer.notes, *_power_note(answer)])


def _power_note(answer: FindingResult) -> list[str]:
    """Return a note on the power of an undecided finding."""
    part = answer.weakest
    if part is None or part.detectable is None or part.error is None:
        return []
    if part.critical is not None:
        return [f"its precision is only {part.critical * part.error:.3f}; add --replicates"]
    note = f"differences below {part.detectable:.3f} are unlikely to be detected (80 % power)"
    if part.freedom == part.n - 1 and part.error > 0:
        needed = replicates_needed(part.error * part.n**0.5, MATTERS)
        note += f"; {needed:,} replicates would detect {MATTERS:g}"
    return [note]


def _p_above(part: ContrastEstimate, bound: float) -> float:
    """Return the doubled p-value of the hypothesis that the effect is at most a bound."""
    return _doubled(part, bound, 1.0)


def _p_below(part: ContrastEstimate, bound: float) -> float:
    return _doubled(part, bound, -1.0)


def _doubled(part: ContrastEstimate, bound: float, sign: float) -> float:
    from scipy import stats

    assert part.effect is not None and part.error is not None
    distance = sign * (part.effect - bound)
    if part.error == 0:
        return 0.0 if distance > 0 else 1.0
    return min(1.0, 2 * float(stats.t.sf(distance / part.error, part.freedom)))
