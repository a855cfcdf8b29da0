"""A ranking as text."""

from __future__ import annotations

import shlex

from analysis.query_text import table_text
from analysis.select import Ranking


def ranking_text(ranking: Ranking, sweep: str) -> str:
    """Return a ranking as a table, with what must be known to read it."""
    lines = []
    if not ranking.complete:
        lines.append("PROVISIONAL: no trial is complete yet; these have trained for different numbers of epochs.")
    if ranking.by == "test":
        lines.append(
            "RANKED BY TEST SCORES: choosing by them makes them optimistic; report the test score of the arm "
            "that the selection set chose."
        )
    lines.append(_table(ranking))
    counts = ", ".join(f"{count} {status}" for status, count in sorted(ranking.trials.items()))
    lines.append(f"trials: {counts}")
    trivial = ", ".join(f"{name} {value:.3f}" for name, value in ranking.baselines.items())
    lines.append(f"trivial baselines on the selection set: {trivial}")
    if ranking.complete and max(arm.replicates for arm in ranking.arms) == 1:
        lines.append(f"one replicate each: differences may be chance; `seatbelt resume {sweep} --replicates 3`")
    lines.append(f"reproduce the first: seatbelt reproduce {sweep} {shlex.quote(str(ranking.arms[0].trial_key))}")
    return "\n".join(lines)


def _table(ranking: Ranking) -> str:
    factors = list(ranking.arms[0].cell)
    names = ["rank", *factors, "selection", "sd", "with target", "test", "n", "epochs", "parameters", "trial"]
    rows = []
    for arm in ranking.arms:
        millions = "-" if arm.parameters is None else f"{arm.parameters / 1e6:.1f} M"
        scores = [arm.selection_iou, arm.selection_sd, arm.selection_iou_with_target, arm.test_iou]
        shown = ["-" if score is None else f"{score:.3f}" for score in scores]
        levels = [arm.cell.get(name, "-") for name in factors]
        rows.append([arm.rank, *levels, *shown, arm.replicates, arm.epochs, millions, arm.trial_key])
    return table_text(names, rows)
