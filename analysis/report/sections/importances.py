"""The share of the variation of the score that each factor explains."""

from __future__ import annotations

import shlex

from analysis.answers.importance import importance
from analysis.figures.effect_plots import MOST_TRIALS
from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Block, Column, Command, Section, Table, Text, capital
from seatbelt.errors import UserError


def importances(data: SweepData) -> Section | None:
    """Return the section; None if fewer than two factors varied."""
    if len(data.varied) < 2:
        return None
    title = "What matters most"
    if len(data.searched) > MOST_TRIALS:
        where = shlex.quote(data.sweep.root)
        left_out: list[Block] = [
            Text(text=f"Omitted above {MOST_TRIALS:,} trials because it takes long.", kind="note"),
            Command(what="Print it", command=f"seatbelt importance {where}"),
        ]
        return Section(name="importance", title=title, blocks=tuple(left_out))
    try:
        result = importance(data.sweep)
    except UserError as error:
        return Section(name="importance", title=title, blocks=(Text(text=f"No estimate: {error}", kind="note"),))
    columns = (
        Column(name="factor"),
        Column(name="share", digits=3, meaning="Shapley share of what all factors explain"),
        Column(name="low", digits=3, meaning="lower bound of the 95 % interval"),
        Column(name="high", digits=3, meaning="its upper bound"),
        Column(name="main effects", digits=3, meaning="the part of the share without interactions"),
    )
    rows = tuple((item.factor, item.share, item.low, item.high, item.main) for item in result.importances)
    text = (
        f"The expected final selection IoU has a standard deviation over the space of {result.deviation:.3f} "
        f"[{result.low:.3f}, {result.high:.3f}] (estimated from {result.trials} trials, "
        f"{result.complete} of them complete). "
        "The share of a factor is what its levels explain, alone and in interactions."
    )
    notes = [Text(text=f"{capital(note)}.", kind="note") for note in result.notes]
    table = Table(caption="Shares of the variation, greatest first", columns=columns, rows=rows)
    return Section(name="importance", title=title, blocks=(Text(text=text), table, *notes))
