"""Importance of factors, interactions and rungs as text."""

from __future__ import annotations

from analysis.answers.importance import Importances
from analysis.answers.interactions import Interactions
from analysis.answers.rungs import Agreement, Agreements
from analysis.text.tables import Fold, fitted_table, table_text
from seatbelt.text.wording import counted

_MOST_INTERACTIONS = 20
"""Interactions listed by default."""


def importance_text(result: Importances, width: int | None = None) -> str:
    """Return the importance of factors as a table with notes; it fits a terminal of `width` columns."""
    names = ["factor", "share", "95 % interval", "main effects", "fANOVA", "PED-ANOVA"]
    rows = [
        [
            row.factor,
            f"{row.share:.2f}",
            f"[{row.low:.2f}, {row.high:.2f}]",
            f"{row.main:.2f}",
            "-" if row.fanova is None else f"{row.fanova:.2f}",
            "-" if row.ped_anova is None else f"{row.ped_anova:.2f}",
        ]
        for row in result.importances
    ]
    lines = [
        fitted_table(names, rows, width, drop=("PED-ANOVA", "fANOVA")),
        f"shares of the variation that the factors explain; the expected final score has a standard deviation of "
        f"{result.deviation:.3f} [{result.low:.3f}, {result.high:.3f}] IoU over the space; "
        f"{counted(result.trials, 'trial')}, {result.complete} of them complete.",
        "share: Shapley effects of the factorial model (main effects plus half of each interaction).",
    ]
    return "\n".join([*lines, *result.notes])


def interactions_text(result: Interactions, width: int | None = None, *, everything: bool = False) -> str:
    """Return interactions as a table, most certain first."""
    names = ["factor", "level", "factor", "level", "n", "beyond", "95 % interval", "p (BH)", "decided"]
    listed = result.interactions if everything else result.interactions[:_MOST_INTERACTIONS]
    rows = [
        [
            row.factor_a,
            row.level_a,
            row.factor_b,
            row.level_b,
            row.n,
            f"{row.effect:+.3f}",
            f"[{row.low:+.3f}, {row.high:+.3f}]",
            f"{row.p_value:.3f}",
            "yes" if row.decided else "no",
        ]
        for row in listed
    ]
    pairs = [f"{row.factor_a}={row.level_a} {row.factor_b}={row.level_b}" for row in listed]
    fold = Fold(name="levels", first=0, count=4, cells=pairs)
    left = len(result.interactions) - len(listed)
    lines = [
        fitted_table(names, rows, width, drop=("n", "p (BH)"), fold=fold),
        f"beyond: selection IoU of both levels together minus the sum of their effects; {result.complete} of "
        f"{counted(result.trials, 'trial')} complete{f'; {left} less sure ones not listed (--all)' if left else ''}.",
    ]
    return "\n".join([*lines, *result.notes])


def _agreements_text(agreements: list[Agreement]) -> str:
    names = ["epoch", "rung", "rank correlation", "95 % interval", "as seen", "n"]
    rows = [
        [
            row.epoch,
            "yes" if row.rung else "",
            f"{row.correlation:+.2f}",
            f"[{row.low:+.2f}, {row.high:+.2f}]",
            f"{row.seen:+.2f}",
            row.n,
        ]
        for row in agreements
    ]
    return table_text(names, rows)


def rungs_text(result: Agreements) -> str:
    """Return how well scores before the end rank final scores, as a table with advice."""
    parts = [
        line for schedule, part in result.by_schedule.items() for line in (f"\n{schedule}:", _agreements_text(part))
    ]
    lines = [
        *(parts or [_agreements_text(result.agreements)]),
        "correlation of the best score up to an epoch with the final score; intervals over "
        f"{counted(result.arms, 'arm')}.",
    ]
    if result.pruned:
        lines.append(
            f"{result.pruned} of {counted(result.trials, 'trial')} have no final score: the rank correlation is for "
            'all trials, "as seen" only for complete ones.'
        )
    return "\n".join([*lines, f"advice: {result.advice}"])
