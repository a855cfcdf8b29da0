"""A ranking as text."""

from __future__ import annotations

import shlex

from analysis.answers.ranking import Arm, Ranking
from analysis.reading.lookup import BEST
from analysis.reading.unfinished import unfinished_text
from analysis.text.tables import Fold, fitted_table
from seatbelt.records.names import cell_name, number_or_key


def ranking_text(ranking: Ranking, sweep: str, width: int | None = None) -> str:
    """Return a ranking as a table with notes; the table fits a terminal of `width` columns."""
    lines = []
    if not ranking.complete:
        lines.append(
            "PROVISIONAL: no trial is complete yet; these trials have trained for different numbers of epochs."
        )
    if ranking.by == "test":
        lines.append(
            "RANKED BY TEST SCORES: choosing by test scores makes them optimistic; report the test score of the arm "
            "that the selection set chose."
        )
    if ranking.mixed:
        lines.append(
            "MIXED: the sweeps are scored on different selection sets; scores and ranks are comparable only within "
            "a sweep."
        )
    lines.append(_table(ranking, width))
    counts = ", ".join(f"{count} {status}" for status, count in sorted(ranking.trials.items()))
    lines.append(f"trials: {counts}")
    unfinished = unfinished_text(ranking.trials)
    if ranking.complete and unfinished:
        lines.append(unfinished)
    trivial = ", ".join(f"{name} {value:.3f}" for name, value in ranking.baselines.items())
    lines.append(f"trivial baselines on the selection set: {trivial}")
    resumed = "SWEEP" if ranking.several else shlex.quote(sweep)
    first = ranking.arms[0]
    if ranking.complete and max(arm.replicates for arm in ranking.arms) == 1:
        lines.append(f"one replicate each, so differences may be chance: `seatbelt resume {resumed} --replicates 3`")
    elif ranking.complete and first.replicates == 1:
        most = max(arm.replicates for arm in ranking.arms)
        lines.append(
            f"the first arm has one replicate, others up to {most}; its score may be luck: `seatbelt resume {resumed} "
            f"--replicates {max(3, most)}`"
        )
    commands = next_commands(first, first.location if ranking.several else sweep)
    if not ranking.complete:
        # An unfinished trial has no model yet.
        commands = {"reproduce": commands["reproduce"]}
    lines += [f"{'the first: ' if name == 'reproduce' else ' ' * 11}{line}" for name, line in commands.items()]
    return "\n".join(lines)


def next_commands(arm: Arm, sweep: str) -> dict[str, str]:
    """Return the commands that train the best trial of an arm again, write its model, and predict with it."""
    trial = arm.trial_key if arm.number is None else str(arm.number)
    trial, out = (BEST, BEST) if arm.rank == 1 else (trial, f"model-{trial}")
    of_trial = f"{shlex.quote(sweep)} {shlex.quote(trial)}"
    return {
        "reproduce": f"seatbelt reproduce {of_trial}",
        "model": f"seatbelt model {of_trial} --out {out}",
        "predict": f"seatbelt predict {out} IMAGES --out predictions --overlay",
    }


def _table(ranking: Ranking, width: int | None) -> str:
    factors = list(dict.fromkeys(name for arm in ranking.arms for name in arm.cell))
    sweep = ["sweep"] if ranking.several else []
    scores = ["selection", "sd", "with target", "test"]
    names = ["rank", *sweep, *factors, *scores, "n", "epochs", "parameters", "trial"]
    rows = []
    for arm in ranking.arms:
        millions = "-" if arm.parameters is None else f"{arm.parameters / 1e6:.1f} M"
        values = [arm.selection_iou, arm.selection_sd, arm.selection_iou_with_target, arm.test_iou]
        score_texts = ["-" if value is None else f"{value:.3f}" for value in values]
        levels = [arm.cell.get(name, "-") for name in factors]
        trial = number_or_key(arm.number, arm.trial_key)
        origin = [arm.sweep] if ranking.several else []
        rows.append([arm.rank, *origin, *levels, *score_texts, arm.replicates, arm.epochs, millions, trial])
    arms = [cell_name(arm.cell) for arm in ranking.arms]
    fold = Fold(name="arm", first=1 + len(sweep), count=len(factors), cells=arms) if len(factors) > 1 else None
    return fitted_table(names, rows, width, drop=("parameters", "epochs", "sd", "with target"), fold=fold)
