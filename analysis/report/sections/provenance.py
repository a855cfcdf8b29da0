"""Provenance of the numbers: data, versions, code, machines, settings."""

from __future__ import annotations

import json

from analysis.figures.sweep_data import SweepData
from analysis.reading.comparability import target_of
from analysis.report.blocks import Block, Column, Command, Section, Table
from seatbelt.text.wording import counted

_PLAIN = {
    "study": "study",
    "design": "design",
    "propose": "how trials are proposed",
    "prune": "how trials are pruned",
    "created": "created",
    "device": "requested device",
    "threads": "threads per trial",
    "keep_weights": "weights kept",
}
_MOST = 5


def provenance(data: SweepData) -> Section:
    """Return the section."""
    record = data.sweep.record
    rows = [("sweep", data.sweep.root)]
    rows += [(name, str(value)) for key, name in _PLAIN.items() if (value := getattr(record, key))]
    rows += [("data", f"{source.name}, fingerprint {source.fingerprint[:16]}") for source in record.data]
    if record.selection:
        images = f"{len(record.selection)} images of domain {record.select_on}, target {target_of(record)}"
        rows.append(("selection set", images))
    rows += [(f"version of {name}", version) for name, version in record.versions.items()]
    rows += [(f"weights {name}", sha or "none") for name, sha in record.weights.items()]
    rows += _of_trials(data)
    table = Table(
        caption="Where the numbers come from", columns=(Column(name="what"), Column(name="value")), rows=tuple(rows)
    )
    blocks: list[Block] = [table]
    if record.command:
        blocks.append(Command(what="The command that started it", command=record.command))
    return Section(name="provenance", title="Provenance", blocks=tuple(blocks))


def _of_trials(data: SweepData) -> list[tuple[str, str]]:
    """Return what the trials recorded, each value once."""
    rows = []
    for column, name in (
        ("git_commit", "commit of the code"),
        ("device", "device"),
        ("threads", "threads"),
        ("precision", "precision"),
        ("host", "host"),
        ("data_fingerprint", "fingerprint of all data"),
    ):
        counts = data.rows(
            f"select {column} as value, count(*) as n from trials where {column} is not null group by 1 order by n desc"
        )
        values = [
            f"{value} ({counted(int(n), 'trial')})" for value, n in zip(counts["value"], counts["n"], strict=True)
        ]
        if values:
            more = f" and {len(values) - _MOST} more" if len(values) > _MOST else ""
            rows.append((name, "; ".join(values[:_MOST]) + more))
    versions = data.rows("select distinct versions from trials where versions is not null order by 1")["versions"]
    rows += [("versions in trials", _versions(str(text))) for text in versions.head(_MOST)]
    return rows


def _versions(text: str) -> str:
    versions = json.loads(text)
    return ", ".join(f"{name} {version}" for name, version in versions.items())
