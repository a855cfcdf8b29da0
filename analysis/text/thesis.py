"""The findings of the thesis compared with sweeps, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from analysis.thesis.scores import ContrastEstimate
from analysis.thesis.verdicts import FindingResult

_WIDTH = 118
_MARKS = {"agrees": "agrees", "does not agree": "DOES NOT AGREE", "not decided": "not decided", "no sweep": "no sweep"}
_MOST_PARTS = 6


def thesis_text(answers: Sequence[FindingResult]) -> str:
    """Return all results with notes."""
    counts = {mark: sum(answer.verdict == mark for answer in answers) for mark in _MARKS}
    verdicts = ", ".join(f"{count} {mark}" for mark, count in counts.items() if count)
    lines = [f"{len(answers)} findings of the thesis: {verdicts}", ""]
    study = None
    for answer in answers:
        if answer.study != study:
            study = answer.study
            none = f"no sweep; run `seatbelt sweep {study}`"
            lines.append(f"{study}: {none if answer.sweep is None else f'{answer.sweep} ({answer.setting})'}")
        lines += [*_lines(answer), ""]
    lines += [
        _wrapped(
            "effects: differences of the mean test IoU over complete trials, paired by replicate; n is the number of "
            "replicates (for single augmentations: of arms or trials). Intervals are 95 %, unadjusted. They cover the "
            "variation by seed, split and data order on the same test images, not by other persons or other data than "
            "those of the thesis.",
            "",
        ),
        _wrapped(
            "verdicts: by p-values adjusted over all tested findings (Holm, 5 %). If a finding has several "
            "differences, all must exceed the bound, and one below it refutes the finding. A gain that is "
            "significantly above 0 agrees, however small; one that is significantly below 0.01, and not above 0, "
            "does not. Not decided is no evidence for either side.",
            "",
        ),
    ]
    return "\n".join(lines)


def plain_answer(answer: FindingResult) -> dict[str, object]:
    """Return a result as plain values, each contrast with its interval."""
    parts = [
        {name: getattr(part, name) for name in ("name", "effect", "low", "high", "n", "detectable")}
        for part in answer.parts
    ]
    fields = {name: value for name, value in vars(answer).items() if name not in ("parts", "weakest")}
    return {**fields, "weakest": answer.weakest and answer.weakest.name, "parts": parts}


def _lines(answer: FindingResult) -> list[str]:
    lines = [_wrapped(f"{answer.number}  {_MARKS[answer.verdict]:<15} {answer.claim} ({answer.where})", " " * 20, "")]
    part = answer.weakest
    if part is not None:
        p_value = "" if answer.p_value is None else f", p {_p_text(answer.p_value)}"
        which = f"; smallest of {len(answer.parts)}: {part.name}" if len(answer.parts) > 1 else ""
        # For comparisons of all arms, the name lists the arms.
        which = f"; {part.name}" if answer.kind in ("spread", "best") else which
        lines.append(_wrapped(f"{answer.question}: {_effect(part)}{p_value}{which}", " " * 4))
        if len(answer.parts) > 1:
            estimated = sorted((p.effect, p.name) for p in answer.parts if p.effect is not None)
            more = len(estimated) - _MOST_PARTS
            others = "; ".join(f"{name} {_signed(effect)}" for effect, name in estimated[:_MOST_PARTS])
            lines.append(_wrapped(others + (f"; and {more} more" if more > 0 else ""), " " * 6))
        lines.append(f"    {answer.rule}")
    return [*lines, *(_wrapped(note, " " * 4) for note in answer.notes if answer.sweep is not None)]


def _effect(part: ContrastEstimate) -> str:
    assert part.effect is not None
    if part.low is None or part.high is None:
        return f"{_signed(part.effect)} [n={part.n}: no interval]"
    return f"{_signed(part.effect)} [{_signed(part.low)}, {_signed(part.high)}], n={part.n}"


def _signed(value: float) -> str:
    # Not -0.000.
    return f"{round(value, 3) + 0.0:+.3f}"


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    begin = indent if first is None else first
    return textwrap.fill(text, _WIDTH, initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)
