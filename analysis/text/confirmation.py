"""A confirmation as text."""

from __future__ import annotations

from analysis.answers.confirmation import Confirmations
from analysis.text.tables import Fold, fitted_table
from seatbelt.records.names import cell_name
from seatbelt.text.wording import counted


def confirmation_text(confirmations: Confirmations, width: int | None = None) -> str:
    """Return confirmed arms as a table with notes; the table fits a terminal of `width` columns."""
    factors = list(dict.fromkeys(name for arm in confirmations.arms for name in arm.cell))
    names = [*factors, "n", "selection", "test", "searched", "shrinkage", "selection - baseline", "test - baseline"]
    rows = []
    for arm in confirmations.arms:
        levels = [arm.cell.get(name, "-") for name in factors]
        differences = [
            "(baseline)" if arm.arm_key == confirmations.baseline else "-" if difference is None else difference.text()
            for difference in (arm.selection_difference, arm.test_difference)
        ]
        rows.append(
            [
                *levels,
                arm.replicates,
                arm.selection.text(),
                "-" if arm.test is None else arm.test.text(),
                "-" if arm.searched is None else f"{arm.searched:.3f}",
                "-" if arm.shrinkage is None else f"{arm.shrinkage:+.3f}",
                *differences,
            ]
        )
    subjects = max((arm.test.n for arm in confirmations.arms if arm.test is not None), default=0)
    arms = [cell_name(arm.cell) for arm in confirmations.arms]
    fold = Fold(name="arm", first=0, count=len(factors), cells=arms) if len(factors) > 1 else None
    lines = [
        fitted_table(names, rows, width, drop=("test - baseline", "searched", "test", "shrinkage"), fold=fold),
        "intervals: 95 %; selection over replicates with fresh seeds (Student), test over replicates and "
        f"{counted(subjects, 'subject')} (bootstrap); differences are paired by seed and image.",
        "shrinkage: score in the search minus confirmed score; the part of the score that was luck.",
    ]
    if confirmations.baseline is None:
        lines.append("no differences because the baseline was not confirmed (omit --no-baseline)")
    return "\n".join(lines)
