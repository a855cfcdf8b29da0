"""The cost of the sweep."""

from __future__ import annotations

from analysis.figures.sweep_data import SweepData
from analysis.reading.plain_values import plain_rows
from analysis.report.blocks import Column, Section, Table, Text
from seatbelt.text.wording import counted, duration

_COSTS = """
select role, status, count(*) as trials, sum(epochs_done) as epochs,
       sum(train_seconds) as train_seconds, sum(seconds) as seconds
from trials group by all order by role, status
"""


def costs(data: SweepData) -> Section | None:
    """Return the section; None if no trial was planned."""
    totals = data.query(_COSTS)
    if totals.empty:
        return None
    epochs, training, whole = (float(totals[name].sum()) for name in ("epochs", "train_seconds", "seconds"))
    evaluation = f" ({duration(whole)} with evaluation)" if whole > 0 else ""
    text = (
        f"{counted(int(totals['trials'].sum()), 'trial')}, {counted(int(epochs), 'epoch')}, {duration(training)} of "
        f"training{evaluation}, summed over all workers."
    )
    columns = (
        Column(name="role"),
        Column(name="status"),
        Column(name="trials", digits=0),
        Column(name="epochs", digits=0),
        Column(name="seconds of training", digits=0),
        Column(name="with evaluation", digits=0),
    )
    rows = tuple(tuple(row.values()) for row in plain_rows(totals))
    table = Table(caption="Cost by role and status of the trials", columns=columns, rows=rows)
    return Section(name="cost", title="Cost", blocks=(Text(text=text), table))
