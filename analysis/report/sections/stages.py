"""Pretraining stages, each trained once and used by several trials."""

from __future__ import annotations

from analysis.figures.sweep_data import SweepData
from analysis.reading.plain_values import plain_rows
from analysis.report.blocks import Column, Section, Table, Text
from seatbelt.text.wording import counted

_MOST = 50


def stages(data: SweepData) -> Section | None:
    """Return the section; None for a sweep without stages."""
    stage_rows = data.query("from stages")
    if stage_rows.empty:
        return None
    columns = (
        Column(name="stage"),
        Column(name="encoder"),
        Column(name="decoder"),
        Column(name="trained on generations"),
        Column(name="status"),
        Column(name="epochs", digits=0),
        Column(name="seconds", digits=0),
        Column(name="used by", digits=0),
        Column(name="seconds saved", digits=0),
    )
    names = [
        "stage_key", "encoder", "decoder", "generations", "status", "epochs_done", "seconds", "users", "seconds_saved",
    ]  # fmt: skip
    rows = tuple(tuple(row.values()) for row in plain_rows(stage_rows[names].head(_MOST)))
    saved = float(stage_rows["seconds_saved"].sum())
    text = Text(text=f"{counted(len(stage_rows), 'stage')}; reuse saved {saved:,.0f} seconds of training.")
    more = f", the first {_MOST}" if len(stage_rows) > _MOST else ""
    table = Table(caption=f"Pretraining stages{more}", columns=columns, rows=rows)
    return Section(name="stages", title="Pretraining stages", blocks=(text, table))
