"""A comparison as text."""

from __future__ import annotations

from analysis.answers.comparison import Comparison, Side
from analysis.statistics.intervals import Interval
from analysis.text.tables import fitted_table
from seatbelt.text.wording import counted


def comparison_text(comparison: Comparison, width: int | None = None) -> str:
    """Return a comparison as text: both arms, the differences with their intervals, the conclusion."""
    names = ["", "arm", "selection", "test", "complete", "arm key"]
    rows = [_row("A", comparison.first), _row("B", comparison.second)]
    lines = [comparison.provisional] if comparison.provisional else []
    lines += [fitted_table(names, rows, width, drop=("arm key", "complete")), ""]
    count = len(comparison.replicates)
    kind = "confirming" if comparison.role == "confirmation" else "common"
    lines.append(f"selection, A - B: {signed(comparison.selection)} over {counted(count, f'{kind} replicate')}")
    if comparison.test is not None:
        test = comparison.test
        lines.append(
            f"test, A - B:      {signed(test.iou)} over {counted(test.iou.n, 'subject')}, "
            f"{counted(test.images, 'image')}, {counted(test.replicates, 'replicate')}; "
            f"better on {counted(test.better, 'image')}, worse on {test.worse}, equal on {test.equal}"
        )
    else:
        lines.append("test, A - B:      no test images recorded for common replicates")
    if comparison.detectable is not None and comparison.sd is not None:
        lines.append(
            f"detectable:       {comparison.detectable:.4f} (80 % power at 5 %, standard deviation "
            f"{comparison.sd:.4f}); {comparison.worth:g} needs {counted(comparison.needed or 0, 'replicate')}"
        )
    if comparison.pruned:
        lines.append(
            f"careful: {counted(comparison.pruned, 'other trial')} of these arms stopped at a rung; the complete ones "
            "were selected for high scores; `seatbelt confirm` trains the arms again without selection"
        )
    return "\n".join([*lines, f"verdict by the selection set: {comparison.verdict}"])


def signed(interval: Interval) -> str:
    """Return `+0.0120 [-0.0030, +0.0270]`."""
    if interval.low is None or interval.high is None:
        return f"{interval.mean:+.4f} [n={interval.n}: no interval]"
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _row(letter: str, side: Side) -> list[object]:
    test = "-" if side.test_iou is None else f"{side.test_iou:.4f}"
    return [letter, side.name, f"{side.selection_iou:.4f}", test, len(side.replicates), side.arm_key]
