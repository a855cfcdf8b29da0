"""What matters most: how much of the variation of the score over the space each factor explains."""

from __future__ import annotations

import shlex

from analysis.answers.importance import importance
from analysis.figures.effect_plots import MOST_TRIALS
from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Block, Column, Command, Section, Table, Text, capital
from seatbelt.errors import UserError


def importances(data: SweepData) -> Section | None:
    """Return the section; None where fewer than two factors varied."""
    if len(data.varied) < 2:
        return None
    title = "What matters most"
    if len(data.searched) > MOST_TRIALS:
        where = shlex.quote(data.sweep.root)
        left_out: list[Block] = [
            Text(text=f"Left out beyond {MOST_TRIALS:,} trials, since it takes long.", kind="note"),
            Command(what="It is told by", command=f"seatbelt importance {where}"),
        ]
        return Section(name="importance", title=title, blocks=tuple(left_out))
    try:
        result = importance(data.sweep)
    except UserError as error:
        return Section(name="importance", title=title, blocks=(Text(text=f"Not told: {error}", kind="note"),))
    columns = (
        Column(name="factor"),
        Column(name="share", digits=3, meaning="Shapley share of what all factors explain"),
        Column(name="low", digits=3, meaning="lower bound of the 95 % interval"),
        Column(name="high", digits=3, meaning="its upper bound"),
        Column(name="main effects", digits=3, meaning="the part of the share without interactions"),
    )
    rows = tuple((item.factor, item.share, item.low, item.high, item.main) for item in result.importances)
    text = (
        f"The expected final selection IoU varies over the space by {result.deviation:.3f} "
        f"[{result.low:.3f}, {result.high:.3f}] (standard deviation), by {result.trials} trials, "
        f"{result.complete} of them complete. "
        "A factor's share of that is what its levels explain, alone and together with others."
    )
    notes = [Text(text=f"{capital(note)}.", kind="note") for note in result.notes]
    table = Table(caption="Shares of the variation, greatest first", columns=columns, rows=rows)
    return Section(name="importance", title=title, blocks=(Text(text=text), table, *notes))
