"""Effects of levels and interactions of pairs of levels, as intervals around zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.answers.interactions import interactions as estimate
from analysis.figures.chart import (
    Axis,
    Chart,
    Figure,
    Layer,
    NotApplicableError,
    Points,
    ReferenceLine,
    extent,
    numbers,
)
from analysis.figures.sweep_data import SweepData
from analysis.text.effects import ESTIMATORS
from seatbelt.errors import UserError
from seatbelt.records.columns import Column
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

EFFECTS = [
    Column("factor", "string", "the factor"),
    Column("level", "string", "the level"),
    Column("reference", "string", "the level that it is compared with"),
    Column("effect", "float64", "difference of the selection IoU; null where the trials cannot identify it"),
    Column("low", "float64", "lower bound of the 95 % interval"),
    Column("high", "float64", "its upper bound"),
    Column("n", "int64", "trials at the level that reached the end"),
    Column("p_value", "float64", "of no effect, adjusted over all effects"),
    Column("decided", "bool", "whether it differs from zero after the adjustment"),
    Column("detectable", "float64", "smallest effect detected with 80 % power at 5 %"),
]
"""Columns of `effects_table`."""

INTERACTIONS = [
    Column("factor_a", "string", "one factor"),
    Column("level_a", "string", "its level"),
    Column("factor_b", "string", "the other factor"),
    Column("level_b", "string", "its level"),
    Column("effect", "float64", "effect of both levels together minus the sum of their effects"),
    Column("low", "float64", "lower bound of the interval"),
    Column("high", "float64", "its upper bound"),
    Column("n", "int64", "trials"),
]
"""Columns of the argument of `interactions`."""

MOST_TRIALS = 5_000
"""Number of trials above which a report omits slow estimates."""

_MOST, _PAIRS = 40, 20
"""Most rows of the figures of effects and of pairs; the tables have all."""


def main_effects(data: SweepData) -> Figure:
    """Return the effects of all levels as a forest plot.

    Raises:
        NotApplicableError: There is nothing to compare.
    """
    try:
        effects = data.effects
    except UserError as error:
        raise NotApplicableError(f"cannot be drawn: {error}") from None
    table = effects_table(data)
    estimated = table.dropna(subset=["effect"])
    if estimated.empty:
        raise NotApplicableError("needs effects that the complete trials identify")
    decided, method = int(table["decided"].sum()), ESTIMATORS[effects.estimator]
    strongest = estimated.iloc[int(estimated["effect"].abs().argmax())]
    return Figure(
        name="main_effects",
        title="Effect of each level on the selection IoU",
        caption=(
            f"Differences to the reference level of each factor ({method}, {effects.complete} of {effects.trials} "
            f"trials reached epoch {effects.epoch}), with 95 % intervals over {effects.evidence}. Full "
            "markers are decided: they differ from zero after adjusting for their number (Holm). Small ticks "
            f"show the smallest detectable effect.{_left_out(len(estimated), _MOST)}"
        ),
        alt=(
            f"{counted(len(estimated), 'effect')}, {decided} decided. Strongest: "
            f"{strongest['factor']}={strongest['level']} against {strongest['reference']}, {strongest['effect']:+.3f}."
        ),
        columns=EFFECTS,
        table=table,
        chart=_forest(estimated.head(_MOST)),
    )


def effects_table(data: SweepData) -> pd.DataFrame:
    """Return one row per effect (columns: EFFECTS), in the order of the factors."""
    import pandas as pd

    rows = [{column.name: getattr(effect, column.name) for column in EFFECTS} for effect in data.effects.effects]
    frame = pd.DataFrame(rows, columns=[column.name for column in EFFECTS])
    return frame.astype(dict.fromkeys(("effect", "low", "high", "p_value", "detectable"), "float64"))


def pair_effects(data: SweepData) -> Figure:
    """Return the interactions of a sweep.

    Raises:
        NotApplicableError: Fewer than two factors with levels varied, nothing is complete, or the sweep is too large.
    """
    import pandas as pd

    if len(data.searched) > MOST_TRIALS:
        raise NotApplicableError(
            f"is omitted above {MOST_TRIALS:,} trials; `seatbelt effects --interactions` prints them"
        )
    try:
        pairs = estimate(data.sweep).interactions
    except UserError as error:
        raise NotApplicableError(f"cannot be drawn: {error}") from None
    if not pairs:
        raise NotApplicableError("needs pairs of levels")
    names = [column.name for column in INTERACTIONS]
    return interactions(pd.DataFrame([{name: getattr(pair, name) for name in names} for pair in pairs], columns=names))


def interactions(table: pd.DataFrame) -> Figure:
    """Return pairs of levels as a forest plot, strongest first.

    Args:
        table: One row per pair (columns: INTERACTIONS).
    """
    ordered = table.sort_values("effect", key=abs, ascending=False, ignore_index=True)
    drawn = ordered.head(_PAIRS)
    names = [f"{r['factor_a']}={r['level_a']} with {r['factor_b']}={r['level_b']}" for _, r in drawn.iterrows()]
    first = ordered.iloc[0]
    return Figure(
        name="interactions",
        title="Interactions of pairs of levels",
        caption=(
            f"The effect of both levels of a pair minus the sum of their single effects, with 95 % intervals; "
            f"{counted(len(ordered), 'pair')}, n = {extent(ordered['n'])} trials each. Intervals are unadjusted: "
            f"among many, some exclude 0 by chance.{_left_out(len(ordered), _PAIRS)}"
        ),
        alt=f"{counted(len(ordered), 'pair')}. Strongest: {names[0]}, {first['effect']:+.3f}.",
        columns=INTERACTIONS,
        table=ordered,
        chart=_rows(names, [_points("pairs", drawn, range(len(drawn)), hollow=False)], "interaction"),
    )


def _left_out(n: int, most: int) -> str:
    return f" The first {most} of {n} are drawn; the table has all." if n > most else ""


def _forest(table: pd.DataFrame) -> Chart:
    names = [f"{row['factor']}={row['level']} against {row['reference']}" for _, row in table.iterrows()]
    layers: list[Layer] = []
    places = range(len(table))
    for decided, name in ((True, "decided"), (False, "not decided")):
        chosen = table["decided"].to_numpy() == decided
        group = [place for place in places if chosen[place]]
        if group:
            layers.append(_points(name, table.iloc[group], group, hollow=not decided))
    has_detectable = table["detectable"].notna().to_numpy()
    ticks = [(place, float(table["detectable"].iloc[place])) for place in places if has_detectable[place]]
    if ticks:
        layers.append(
            Points(
                name="smallest detectable",
                x=tuple(value for _, size in ticks for value in (-size, size)),
                y=tuple(float(place) for place, _ in ticks for _ in range(2)),
                series=6,
                marker="tick",
            )
        )
    return _rows(names, layers, "difference of the selection IoU")


def _points(name: str, table: pd.DataFrame, places: list[int] | range, *, hollow: bool) -> Points:
    has_bounds = table["low"].notna().any()
    return Points(
        name=name,
        x=numbers(table["effect"]),
        y=tuple(float(place) for place in places),
        low=numbers(table["low"]) if has_bounds else (),
        high=numbers(table["high"]) if has_bounds else (),
        along="x",
        series=1 if hollow else 0,
        marker="hollow" if hollow else "full",
        hover=tuple(
            f"{effect:+.3f} [{low:+.3f}, {high:+.3f}], n = {n}"
            for effect, low, high, n in zip(table["effect"], table["low"], table["high"], table["n"], strict=True)
        ),
    )


def _rows(names: list[str], layers: list[Layer], title: str) -> Chart:
    return Chart(
        x=Axis(title=title),
        y=Axis(
            title="", ticks=tuple((float(i), name) for i, name in enumerate(names)), low=len(names) - 0.4, high=-0.6
        ),
        layers=(ReferenceLine(name="", at=0.0, along="y"), *layers),
        height=max(0.35, min(1.6, 0.2 + 0.035 * len(names))),
    )
