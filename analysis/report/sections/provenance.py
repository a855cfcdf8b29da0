"""What the numbers were made of: data, versions, code, machines, settings."""

from __future__ import annotations

import json

from analysis.figures.sweep_data import Material
from analysis.reading.comparability import target_of
from analysis.report.blocks import Block, Command, Head, Section, Table

_PLAIN = {
    "study": "study",
    "design": "design",
    "propose": "how trials are proposed",
    "prune": "how trials are pruned",
    "created": "created",
    "device": "device asked for",
    "threads": "threads per trial",
    "keep_weights": "weights that are kept",
}
_MOST = 5


def provenance(material: Material) -> Section:
    """Return the section."""
    record = material.sweep.record
    rows = [("sweep", material.sweep.root)]
    rows += [(name, str(value)) for key, name in _PLAIN.items() if (value := getattr(record, key))]
    rows += [("data", f"{source.name}, fingerprint {source.fingerprint[:16]}") for source in record.data]
    if record.selection:
        images = f"{len(record.selection)} images of domain {record.select_on}, target {target_of(record)}"
        rows.append(("selection set", images))
    rows += [(f"version of {name}", version) for name, version in record.versions.items()]
    rows += [(f"weights {name}", sha or "none") for name, sha in record.weights.items()]
    rows += _of_trials(material)
    table = Table(
        caption="Where the numbers come from", heads=(Head(name="what"), Head(name="value")), rows=tuple(rows)
    )
    blocks: list[Block] = [table]
    if record.command:
        blocks.append(Command(what="The command that began it", command=record.command))
    return Section(name="provenance", title="Provenance", blocks=tuple(blocks))


def _of_trials(material: Material) -> list[tuple[str, str]]:
    """Return what the trials themselves recorded, each value once."""
    rows = []
    for column, name in (
        ("git_commit", "commit of the code"),
        ("device", "device"),
        ("threads", "threads"),
        ("precision", "precision"),
        ("host", "host"),
        ("data_fingerprint", "fingerprint of all data"),
    ):
        found = material.ask(
            f"select {column} as value, count(*) as n from trials where {column} is not null group by 1 order by n desc"
        )
        told = [f"{value} ({n} trials)" for value, n in zip(found["value"], found["n"], strict=True)]
        if told:
            more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
            rows.append((name, "; ".join(told[:_MOST]) + more))
    versions = material.ask("select distinct versions from trials where versions is not null order by 1")["versions"]
    rows += [("versions in trials", _versions(str(text))) for text in versions.head(_MOST)]
    return rows


def _versions(text: str) -> str:
    found = json.loads(text)
    return ", ".join(f"{name} {version}" for name, version in found.items())
