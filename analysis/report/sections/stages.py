"""Pretraining stages: trained once, used by several trials."""

from __future__ import annotations

from analysis.figures.sweep_data import Material
from analysis.reading.plain_values import plain_rows
from analysis.report.blocks import Head, Section, Table, Text
from seatbelt.text.wording import counted

_MOST = 50


def stages(material: Material) -> Section | None:
    """Return the section; None for a sweep without stages."""
    found = material.ask("from stages")
    if found.empty:
        return None
    heads = (
        Head(name="stage"),
        Head(name="encoder"),
        Head(name="decoder"),
        Head(name="trained on generations"),
        Head(name="status"),
        Head(name="epochs", digits=0),
        Head(name="seconds", digits=0),
        Head(name="used by", digits=0),
        Head(name="seconds saved", digits=0),
    )
    names = [
        "stage_key", "encoder", "decoder", "generations", "status", "epochs_done", "seconds", "users", "seconds_saved",
    ]  # fmt: skip
    rows = tuple(tuple(row.values()) for row in plain_rows(found[names].head(_MOST)))
    saved = float(found["seconds_saved"].sum())
    text = Text(text=f"{counted(len(found), 'stage')}; using them again saved {saved:,.0f} seconds of training.")
    more = f", the first {_MOST}" if len(found) > _MOST else ""
    table = Table(caption=f"Pretraining stages{more}", heads=heads, rows=rows)
    return Section(name="stages", title="Pretraining stages", blocks=(text, table))
