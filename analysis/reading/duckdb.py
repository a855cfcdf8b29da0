"""The tables of one or more sweeps as DuckDB views."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.reading.tables import REWRITE, Source, SweepTables, check_identity, readable
from seatbelt.errors import UserError
from seatbelt.records.tables import SWEEP_METADATA, TABLES
from seatbelt.storage.base import is_remote

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_PLAIN_PATH = re.compile(r"[\w/ .,:;=+@%#&()!~^'\"-]+")
"""Paths that DuckDB does not take for a pattern."""

_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}

# An arm may serve as a stage for other arms. A stage from a shared store has no trial in this sweep.
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


def connect(source: Source) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with the views `trials`, `epochs`, `images`, `decisions` and `stages`.

    Args:
        source: A sweep, or several; the rows of several begin with a column `sweep`.

    Raises:
        UserError: A table cannot be read, belongs to another sweep, or has a column of the wrong type.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        load(connection, source, materialise=False)
    except UserError:
        connection.close()
        raise
    return connection


def load(connection: duckdb.DuckDBPyConnection, source: Source, *, materialise: bool) -> None:
    """Create the tables of sweeps in a connection; see `connect`.

    Args:
        connection: An empty connection.
        source: A sweep, or several.
        materialise: Copy the tables, for a connection that will lose access to files.

    Raises:
        UserError: A table cannot be read, belongs to another sweep, or has a column of the wrong type.
        duckdb.OutOfMemoryException: The copies take more memory than the connection may have.
        duckdb.InterruptException: The connection was interrupted.
    """
    for table in TABLES:
        selects = [select(connection, part, table, name, number) for number, (name, part) in enumerate(source.parts)]
        kind = "table" if materialise else "view"
        _execute(connection, source, table, f"create {kind} {table} as {' union all by name '.join(selects)}")
    several = source.parts[0][0] is not None
    _execute(connection, source, "trials", _stages(several))


def rows(source: Source, sql: str, parameters: Sequence[object] = (), *, table: str) -> list[dict[str, Any]]:
    """Return the rows of a query over the views of `connect`, each as column -> value.

    Args:
        source: A sweep, or several.
        sql: The query.
        parameters: Values of its question marks.
        table: The table that it reads, for the message.

    Raises:
        UserError: The table cannot be read.
    """
    with connect(source) as connection:
        return fetch(connection, source, sql, parameters, table=table)


def fetch(
    connection: duckdb.DuckDBPyConnection, source: Source, sql: str, parameters: object = (), *, table: str
) -> list[dict[str, Any]]:
    """Return the rows of a query on an open connection; see `rows`."""
    with _translated(source, table):
        answer = connection.execute(sql, parameters)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def frame(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    sql: str,
    parameters: Sequence[object] = (),
    *,
    table: str = "",
) -> pd.DataFrame:
    """Return the rows of a query on an open connection as a data frame; see `rows`."""
    with _translated(source, table):
        # Through Arrow: duckdb's own conversion of times needs pytz, which nothing else here does.
        answer: pd.DataFrame = connection.sql(sql, params=parameters).to_arrow_table().to_pandas()
    return answer


def stages_frame(source: Source) -> pd.DataFrame:
    """Return the view `stages` (columns: `analysis.reading.trial_cells.STAGES`).

    Raises:
        UserError: The trials cannot be read.
    """
    with connect(source) as connection, readable(source):
        return frame(connection, source, "from stages", table="trials")


def select(
    connection: duckdb.DuckDBPyConnection, sweep: SweepTables, table: str, name: str | None = None, number: int = 0
) -> str:
    """Return SQL for the rows of one table of a sweep.

    Args:
        connection: The connection that will run it.
        sweep: The sweep.
        table: One of `seatbelt.records.tables.TABLES`.
        name: Value of a first column `sweep`; None for no such column.
        number: Number of the sweep within the connection.

    Raises:
        UserError: The table cannot be read, belongs to another sweep, or has a column of the wrong type.
    """
    folder = os.path.join(os.path.abspath(sweep.root), table)
    if is_remote(sweep.root) or not _PLAIN_PATH.fullmatch(folder):
        # DuckDB would interpret parts of such a path as patterns.
        relation = f"{table}_read_{number}"
        connection.register(relation, sweep.arrow(table))
    else:
        _check_files(folder)
        pattern = _quoted(f"{folder}/*.parquet")
        _check_sweep(connection, sweep, table, pattern)
        # Folders called `status=FAILED` are not Hive partitions. While a newer version rewrites the shards of an older
        # one, some lack its columns.
        relation = f"read_parquet({pattern}, hive_partitioning=false, union_by_name=true)"
    described = fetch(connection, sweep, f"describe select * from {relation}", table=table)
    types = {str(row["column_name"]): str(row["column_type"]) for row in described}
    _check_types(types, sweep, table)
    origin = "" if name is None else f"{_quoted(name)} as sweep, "
    # Tables of older versions leave the role of arms empty.
    columns = "* replace (coalesce(role, 'arm') as role)" if table == "trials" and "role" in types else "*"
    return f"select {origin}{columns} from {relation}"


def _check_files(folder: str) -> None:
    """Refuse anything but regular files: DuckDB would block on a pipe.

    Raises:
        UserError: A folder, pipe or device is in the place of a table file.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".parquet") and not entry.is_file():
                raise UserError(f"{entry.path} is no file; move it away")


def _check_sweep(connection: duckdb.DuckDBPyConnection, sweep: SweepTables, table: str, pattern: str) -> None:
    key = _quoted(SWEEP_METADATA)
    sql = f"select file_name, decode(value) as identity from parquet_kv_metadata({pattern}) where decode(key) = {key}"
    for row in fetch(connection, sweep, sql, table=table):
        check_identity(sweep, row["file_name"], row["identity"])
    if table == "trials" and sweep.identity:
        data = _quoted(sweep.data_fingerprint)
        sql = (
            f"select distinct filename from read_parquet({pattern}, hive_partitioning=false, filename=true) "
            f"where data_fingerprint is distinct from {data}"
        )
        for row in fetch(connection, sweep, sql, table=table):
            raise UserError(
                f"{row['filename']} holds trials of other data than {sweep.root}/sweep.json names; {REWRITE}"
            )


def _execute(connection: duckdb.DuckDBPyConnection, source: Source, table: str, sql: str) -> None:
    with _translated(source, table):
        connection.execute(sql)


@contextlib.contextmanager
def _translated(source: Source, table: str) -> Iterator[None]:
    """Turn an error of duckdb into one of the user."""
    import duckdb

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        # The limits of a query hold while its tables are read, too.
        raise
    except duckdb.Error as error:
        place = f"{source.root}/{table}" if table else source.root
        raise UserError(f"{place} cannot be read ({str(error).splitlines()[0]})") from None


def _check_types(types: dict[str, str], sweep: SweepTables, table: str) -> None:
    for column in TABLES[table]:
        kind = types.get(column.name, _TYPES[column.type])
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
