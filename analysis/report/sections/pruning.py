"""Pruned trials, the rule, and how close they were."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from analysis.answers.rungs import rungs
from analysis.figures import figure
from analysis.figures.chart import NotApplicableError, shortened
from analysis.figures.effect_plots import MOST_TRIALS
from analysis.figures.sweep_data import SweepData
from analysis.reading.plain_values import plain_rows
from analysis.report.blocks import Block, Column, Command, Picture, Section, Table, Text, capital
from seatbelt.errors import UserError
from seatbelt.text.wording import counted

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


def pruning(data: SweepData) -> Section | None:
    """Return the section; None for a sweep that does not prune."""
    if not data.prunes:
        return None
    eta = data.sweep.record.eta
    epochs = ", ".join(map(str, data.rungs[:-1])) or "none"
    blocks: list[Block] = [
        Text(
            text=(
                f"Trials stop at the rungs (epochs {epochs}). For every {eta} trials that reached a rung one is "
                "promoted: the best waiting trial. The others are pruned when the sweep ends. Exempt trials are never "
                "stopped, so that the rule can be judged."
            )
        )
    ]
    try:
        blocks.append(Picture(figure=figure("promotion_flow", data)))
    except NotApplicableError:
        blocks.append(Text(text="No trial has begun yet.", kind="note"))
    blocks += _tables(data)
    blocks += _agreement(data)
    return Section(name="pruning", title="What was pruned and why", blocks=tuple(blocks))


def _tables(data: SweepData) -> list[Block]:
    at_rungs = data.rows(_RUNGS)
    if at_rungs.empty:
        return [Text(text="No trial has been promoted or pruned yet.", kind="note")]
    columns = (
        Column(name="rung (epoch)", digits=0),
        Column(name="promoted", digits=0),
        Column(name="lowest promoted", digits=3),
        Column(name="pruned", digits=0),
        Column(name="highest pruned", digits=3),
    )
    rows = tuple(tuple(row.values()) for row in plain_rows(at_rungs))
    blocks: list[Block] = [Table(caption="Decisions at each rung, with selection IoU", columns=columns, rows=rows)]
    pruned = data.rows(_PRUNED)
    if len(pruned):
        blocks.append(_closest(data, pruned))
        first = shlex.quote(data.trial_word(str(pruned["trial_key"].iloc[0])))
        where = shlex.quote(data.sweep.root)
        blocks.append(Command(what="The full story of one", command=f"seatbelt why {where} {first}"))
    return blocks


def _agreement(data: SweepData) -> list[Block]:
    """Return how well scores at rungs rank final scores, which shows whether the rungs were well chosen."""
    where = shlex.quote(data.sweep.root)
    if len(data.searched) > MOST_TRIALS:
        return [Command(what="How well the rungs rank final scores", command=f"seatbelt rungs {where}")]
    try:
        result = rungs(data.sweep)
    except UserError as error:
        return [Text(text=f"No estimate of how well the rungs rank final scores: {error}", kind="note")]
    columns = (
        Column(name="epoch", digits=0),
        Column(name="rung"),
        Column(name="rank correlation", digits=2),
        Column(name="low", digits=2),
        Column(name="high", digits=2),
        Column(name="complete trials", digits=0),
    )
    rows = tuple((a.epoch, a.rung, a.correlation, a.low, a.high, a.n) for a in result.agreements)
    caption = "How well the score at an epoch ranks the final one, for all trials, with 95 % intervals"
    return [Table(caption=caption, columns=columns, rows=rows), Text(text=f"{capital(result.advice)}.")]


def _closest(data: SweepData, pruned: pd.DataFrame) -> Table:
    columns = (
        Column(name="trial"),
        Column(name="arm"),
        Column(name="rung", digits=0),
        Column(name="selection IoU", digits=3),
        Column(name="rank"),
        Column(name="reason"),
    )
    names = data.arm_names(pruned["arm_key"].tolist())
    rows = tuple(
        (
            data.trial_number(row["trial_key"]),
            shortened(name, 60),
            row["epoch"],
            row["score"],
            _rank(row),
            row["reason"],
        )
        for name, row in zip(names, plain_rows(pruned), strict=True)
    )
    return Table(caption=f"The {counted(len(rows), 'pruned trial')} that got furthest", columns=columns, rows=rows)


def _rank(row: dict[str, Any]) -> str:
    if row["rank"] is None or row["compared"] is None:
        return "-"
    allowed = "" if row["allowed"] is None else f", {counted(int(row['allowed']), 'promotion')} allowed"
    return f"{int(row['rank'])} of {int(row['compared'])}{allowed}"
