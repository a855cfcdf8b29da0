"""What was pruned, by which rule, and how close it was."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from analysis.figures import figure
from analysis.figures.chart import NotApplicable, counted
from analysis.figures.material import Material
from analysis.plain import plain_rows
from analysis.report.blocks import Block, Command, Head, Picture, Section, Table, Text
from analysis.rungs import rungs
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_CLOSEST = 10

_RUNGS = """
select epoch, count(*) filter (kind = 'promotion') as promoted, min(score) filter (kind = 'promotion') as lowest,
       count(*) filter (kind = 'prune') as pruned, max(score) filter (kind = 'prune') as highest
from decisions where "by" = 'asha' and kind in ('promotion', 'prune') group by epoch order by epoch
"""

_PRUNED = f"""
select decisions.trial_key, decisions.epoch, decisions.score, decisions.rank, decisions.compared, decisions.allowed,
       decisions.reason, trials.arm_key
from decisions join trials using (trial_key)
where kind = 'prune' and "by" = 'asha' and status = 'PRUNED'
order by decisions.epoch desc, decisions.score desc limit {_CLOSEST}
"""


def pruning(material: Material) -> Section | None:
    """Return the section; None for a sweep that does not prune and has too little to say whether it could."""
    if not material.prunes:
        told = _agreement(material)
        return Section(name="pruning", title="Would pruning have been right?", blocks=tuple(told)) if told else None
    eta = material.sweep.description.get("eta", 3)
    stops = ", ".join(map(str, material.rungs[:-1])) or "none"
    blocks: list[Block] = [
        Text(
            text=(
                f"Trials stop at the rungs (epochs {stops}). For every {eta} trials that reached a rung one is "
                "promoted: the best that waits. The others are pruned when the sweep ends. Exempt trials are never "
                "stopped, so that the rule can be judged."
            )
        )
    ]
    try:
        blocks.append(Picture(figure=figure("promotion_flow", material)))
    except NotApplicable:
        blocks.append(Text(text="No trial began yet.", kind="note"))
    blocks += [*_tables(material), *_agreement(material)]
    return Section(name="pruning", title="What was pruned and why", blocks=tuple(blocks))


def _agreement(material: Material) -> list[Block]:
    """Return how well scores before the end rank those at the end; nothing where too few trials are complete."""
    try:
        found = rungs(material.sweep)
    except UserError:
        return []
    heads = (
        Head(name="epoch", digits=0),
        Head(name="rank correlation", digits=2, meaning="Spearman's, of all trials"),
        Head(name="low", digits=2),
        Head(name="high", digits=2, meaning="bounds of the 95 % interval, over arms"),
        Head(name="complete trials", digits=0),
    )
    rows = tuple((a.epoch, *(_finite(x) for x in (a.correlation, a.low, a.high)), a.n) for a in found.agreements)
    caption = "How well the best score up to an epoch ranks the final scores"
    advice = f"{found.advice[0].upper()}{found.advice[1:]}."
    return [Table(caption=caption, heads=heads, rows=rows), Text(text=advice, kind="note")]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tables(material: Material) -> list[Block]:
    decided = material.ask(_RUNGS)
    if decided.empty:
        return [Text(text="No trial was promoted or pruned yet.", kind="note")]
    heads = (
        Head(name="rung (epoch)", digits=0),
        Head(name="promoted", digits=0),
        Head(name="lowest promoted", digits=3),
        Head(name="pruned", digits=0),
        Head(name="highest pruned", digits=3),
    )
    rows = tuple(tuple(row.values()) for row in plain_rows(decided))
    blocks: list[Block] = [Table(caption="Decisions at each rung, with selection IoU", heads=heads, rows=rows)]
    pruned = material.ask(_PRUNED)
    if len(pruned):
        blocks.append(_closest(material, pruned))
        first = shlex.quote(str(pruned["trial_key"].iloc[0]))
        where = shlex.quote(material.sweep.root)
        blocks.append(Command(what="The whole story of one", command=f"seatbelt why {where} {first}"))
    return blocks


def _closest(material: Material, pruned: pd.DataFrame) -> Table:
    heads = (
        Head(name="trial"),
        Head(name="arm"),
        Head(name="rung", digits=0),
        Head(name="selection IoU", digits=3),
        Head(name="rank"),
        Head(name="reason"),
    )
    names = material.arm_names(pruned["arm_key"].tolist())
    rows = tuple(
        (row["trial_key"], name, row["epoch"], row["score"], _rank(row), row["reason"])
        for name, row in zip(names, plain_rows(pruned), strict=True)
    )
    return Table(caption=f"The {counted(len(rows), 'pruned trial')} that came furthest", heads=heads, rows=rows)


def _rank(row: dict[str, Any]) -> str:
    if row["rank"] is None or row["compared"] is None:
        return "-"
    allowed = "" if row["allowed"] is None else f", {counted(int(row['allowed']), 'promotion')} allowed"
    return f"{int(row['rank'])} of {int(row['compared'])}{allowed}"
