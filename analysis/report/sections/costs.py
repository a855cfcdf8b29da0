"""What the sweep cost."""

from __future__ import annotations

from analysis.figures.sweep_data import Material
from analysis.reading.plain_values import plain_rows
from analysis.report.blocks import Head, Section, Table, Text
from seatbelt.text.wording import counted, duration

_COSTS = """
select coalesce(role, 'arm') as role, status, count(*) as trials, sum(epochs_done) as epochs,
       sum(train_seconds) as train_seconds, sum(seconds) as seconds
from trials group by all order by role, status
"""


def costs(material: Material) -> Section | None:
    """Return the section; None where nothing was planned."""
    found = material.ask(_COSTS)
    if found.empty:
        return None
    epochs, training, whole = (float(found[name].sum()) for name in ("epochs", "train_seconds", "seconds"))
    evaluation = f" ({duration(whole)} with evaluation)" if whole > 0 else ""
    text = (
        f"{counted(int(found['trials'].sum()), 'trial')}, {counted(int(epochs), 'epoch')}, {duration(training)} of "
        f"training{evaluation}, summed over all workers."
    )
    heads = (
        Head(name="role"),
        Head(name="status"),
        Head(name="trials", digits=0),
        Head(name="epochs", digits=0),
        Head(name="seconds of training", digits=0),
        Head(name="with evaluation", digits=0),
    )
    rows = tuple(tuple(row.values()) for row in plain_rows(found))
    table = Table(caption="Cost by role and status of the trials", heads=heads, rows=rows)
    return Section(name="cost", title="Cost", blocks=(Text(text=text), table))
