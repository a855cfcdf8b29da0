"""The tables of one or more sweeps as relations of duckdb."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from analysis.tables import Source, Sweep, readable
from seatbelt.errors import UserError
from seatbelt.records import TABLES
from seatbelt.storage import is_remote

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}

# An arm may be the stage of others too; a stage out of a shared store has no trial here.
_STAGES = """
create view stages as
with used as (
    select {sweep} stage_key, count(*) as users, string_agg(trial_key, '+' order by number) as used_by,
           min(trial_key) filter (not stage_reused) as first_user, max(stage_seconds) as seconds,
           coalesce(sum(stage_seconds) filter (stage_reused), 0) as seconds_saved
    from trials where stage_key is not null group by all
), trained as (
    select * from trials where role = 'stage' or ({sweep} trial_key) in (select ({sweep} stage_key) from used)
)
select {merged} coalesce(trained.trial_key, used.stage_key) as stage_key, trained.role, trained.status,
       trained.trial_key is null as from_store, trained.epochs_done, trained.selection_iou,
       coalesce(used.seconds, trained.train_seconds) as seconds, coalesce(used.users, 0) as users,
       used.first_user, used.used_by, coalesce(used.seconds_saved, 0) as seconds_saved,
       trained.encoder, trained.decoder, trained.weights, trained.generations, trained.error
from trained full join used on trained.trial_key = used.stage_key {same}
order by {sweep} trained.number nulls last, stage_key
"""


def connect(source: Source, *, materialise: bool) -> duckdb.DuckDBPyConnection:
    """Return a duckdb connection with `trials`, `epochs`, `images`, `decisions` and `stages`.

    Args:
        source: A sweep; or several, whose rows then begin with a column `sweep`.
        materialise: Copy the tables, which a connection that may open no files needs.

    Raises:
        UserError: A table cannot be read, or a column has another type than ours.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        for table in TABLES:
            selects = [
                _select(connection, part, table, name, number) for number, (name, part) in enumerate(source.parts)
            ]
            kind = "table" if materialise else "view"
            _execute(connection, source, table, f"create {kind} {table} as {' union all by name '.join(selects)}")
        several = source.parts[0][0] is not None
        _execute(connection, source, "trials", _stages(several))
    except UserError:
        connection.close()
        raise
    return connection


def stages_frame(source: Source) -> pd.DataFrame:
    """Return the view `stages` (columns: `analysis.derived.STAGES`).

    Raises:
        UserError: The trials cannot be read.
    """
    import duckdb

    with connect(source, materialise=False) as connection, readable(source):
        try:
            found: pd.DataFrame = connection.sql("from stages").to_arrow_table().to_pandas()
        except duckdb.Error as error:
            raise UserError(f"{source.root}/trials cannot be read ({str(error).splitlines()[0]})") from None
    return found


def _select(connection: duckdb.DuckDBPyConnection, sweep: Sweep, table: str, name: str | None, number: int) -> str:
    if is_remote(sweep.root):
        relation = f"{table}_read_{number}"
        connection.register(relation, sweep.arrow(table))
    else:
        folder = glob.escape(os.path.join(sweep.root, table))
        relation = f"read_parquet({_quoted(f'{folder}/*.parquet')})"
    described = _execute(connection, sweep, table, f"describe select * from {relation}").fetchall()
    _check_types({row[0]: row[1] for row in described}, sweep, table)
    return f"select {'' if name is None else f'{_quoted(name)} as sweep, '}* from {relation}"


def _execute(connection: duckdb.DuckDBPyConnection, source: Source, table: str, sql: str) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        raise UserError(f"{source.root}/{table} cannot be read ({str(error).splitlines()[0]})") from None


def _check_types(found: dict[str, str], sweep: Sweep, table: str) -> None:
    for column in TABLES[table]:
        kind = found.get(column.name, _TYPES[column.type])
        if kind != _TYPES[column.type]:
            raise UserError(
                f"{sweep.root}/{table} cannot be read: the column {column.name} is {kind} instead of "
                f"{_TYPES[column.type]}; `seatbelt resume` writes the tables anew from the ledger"
            )


def _stages(several: bool) -> str:
    if not several:
        return _STAGES.format(sweep="", merged="", same="")
    return _STAGES.format(
        sweep="sweep,",
        merged="coalesce(trained.sweep, used.sweep) as sweep,",
        same="and trained.sweep = used.sweep",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
