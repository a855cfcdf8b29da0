"""Effects as text."""

from __future__ import annotations

from analysis.answers.effects import Effects
from analysis.text.tables import fitted_table

ESTIMATORS = {
    "mixed": "mixed model",
    "likelihood": "likelihood of scores at the rungs",
    "weights": "complete trials, weighted",
    "naive": "last values",
}
FAMILIES = {"holm": "Holm", "bh": "BH"}


def effects_text(result: Effects, width: int | None = None) -> str:
    """Return effects as a table with notes; the table fits a terminal of `width` columns."""
    p_name = f"p ({FAMILIES[result.family]})"
    names = ["factor", "level", "against", "n", "effect", "95 % interval", p_name, "detectable", "decided"]
    rows = []
    for effect in result.effects:
        interval = "-" if effect.low is None else f"[{effect.low:+.3f}, {effect.high:+.3f}]"
        rows.append(
            [
                effect.factor,
                effect.level,
                effect.reference,
                effect.n,
                "-" if effect.effect is None else f"{effect.effect:+.3f}",
                interval,
                "-" if effect.p_value is None else f"{effect.p_value:.3f}",
                "-" if effect.detectable is None else f"{effect.detectable:.3f}",
                "-" if effect.p_value is None else "yes" if effect.decided else "no",
            ]
        )
    what = f"selection IoU, best up to epoch {result.epoch}" if result.score == "selection" else "test IoU"
    over = f"{result.evidence} and subjects" if result.score == "test" else result.evidence
    lines = [
        fitted_table(names, rows, width, drop=("n", "detectable", "against")),
        f"effects on the {what}; {ESTIMATORS[result.estimator]}, {result.complete} of {result.trials} "
        f"trials reached it; intervals over {over}.",
        "detectable: smallest effect this sweep could have found (80 % power, 5 % level).",
        'Not decided does not mean "no difference".',
    ]
    return "\n".join([*lines, *result.notes])
