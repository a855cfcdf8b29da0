"""Keeping a recorded sweep: its scores and configurations, without what names a machine, a place or a person."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from analysis import load
from runners.simulation.recorded import recorded_world
from runners.sweep_files.description import SweepDescription
from seatbelt.errors import UserError
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES, Status

DROPPED = ("error", "host", "versions", "git_commit", "device", "threads", "planned_at", "ended_at")
"""Columns of the trials that are emptied."""
EPOCHS = ("trial_key", "epoch", "selection_iou", "train_seconds", "evaluation_seconds", "attempt")
"""Columns of the epochs that the copy has; no others, since numbers hardly compress."""


def keep(sweep: Path, target: Path) -> None:
    """Write a small copy that `analysis` reads; tables of images and decisions are empty.

    Raises:
        UserError: The sweep cannot be replayed, is not finished, or the folder is there already.
    """
    recorded_world(sweep)
    if target.exists():
        raise UserError(f"{target} is there already; remove it first")
    recorded = load(sweep)
    trials = recorded.arrow("trials")
    if set(trials.column("status").to_pylist()) != {Status.COMPLETE.value}:
        raise UserError(f"{sweep} has trials that are not complete; `seatbelt resume {sweep}` goes on with it")
    description = without_places(SweepDescription.model_validate(recorded.description))
    target.mkdir()
    (target / "sweep.json").write_text(description.model_dump_json(indent=1) + "\n")
    for table in TABLES:
        schema = arrow_schema(table)
        if table == "trials":
            rows = _with(trials, schema, set(schema.names) - set(DROPPED)).sort_by("number")
        elif table == "epochs":
            rows = _with(recorded.arrow(table), schema, set(EPOCHS)).sort_by(
                [("trial_key", "ascending"), ("epoch", "ascending")]
            )
        else:
            rows = schema.empty_table()
        (target / table).mkdir()
        pq.write_table(rows, target / table / "part-00000.parquet", compression="zstd", compression_level=19)


def without_places(description: SweepDescription) -> SweepDescription:
    """Return a description with data sets by name, and the last part of each path in the command."""
    words = [PurePath(word).name if "/" in word else word for word in shlex.split(description.command)]
    return description.model_copy(
        update={
            "command": shlex.join(words),
            "data": tuple(source.model_copy(update={"path": source.name}) for source in description.data),
            "weights_folder": None,
        }
    )


def _with(table: pa.Table, schema: pa.Schema, names: set[str]) -> pa.Table:
    """Return a table of a schema with the values of some columns; others, and those that old sweeps lack, are empty."""
    here = names & set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type) if field.name in here else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
