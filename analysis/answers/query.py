"""SQL over the tables of sweeps, with no access to anything else."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from analysis.answers.query_limits import bound_memory, interrupted_after, lock, memory_bounded
from analysis.reading.duckdb import load
from analysis.reading.plain_values import unique_names
from analysis.reading.tables import Source
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


T = TypeVar("T")
QueryResult = tuple[list[str], list[tuple[Any, ...]]]
"""Column names, and rows of plain Python values."""


def query(
    source: Source, sql: str, *, timeout: float = 60, memory: float = 4
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one SQL query over `trials`, `epochs`, `images`, `decisions` and `stages`.

    The query runs on copies of the tables, with files, network and settings locked. Times are UTC.

    Args:
        source: A sweep, or several; the tables of several begin with a column `sweep`.
        sql: One statement that only reads.
        timeout: Time limit, seconds.
        memory: Memory limit for the tables, the query and its answer, GB.

    Returns:
        Column names and rows of plain Python values.

    Raises:
        UserError: It is not a single reading statement, exceeds a limit, or DuckDB refuses it; the message has the
            reason.
    """
    return _answer(source, sql, timeout, memory, _rows)


def query_parquet(source: Source, sql: str, *, timeout: float = 60, memory: float = 4) -> bytes:
    """Answer one SQL query as a Parquet file; see `query`.

    Duplicate column names get a number; sums of integers are integers.
    """
    return _answer(source, sql, timeout, memory, _parquet)


def _answer(source: Source, sql: str, timeout: float, memory: float, form: Callable[[pa.Table], T]) -> T:
    import duckdb
    import pyarrow as pa

    size = int(memory * 1e9)
    too_large = UserError(f"the query needs more than {memory:g} GB of memory; ask for less, or raise --memory")
    connection = duckdb.connect()
    try:
        with interrupted_after(connection, timeout) as clock, memory_bounded(size):
            try:
                bound_memory(connection, size)
                load(connection, source, materialise=True)
                lock(connection)
                _check_asks(connection, sql)
                connection.execute("begin transaction read only")
                # Through Arrow: DuckDB's own conversion of times needs pytz.
                return form(connection.sql(sql).to_arrow_table())
            except (duckdb.OutOfMemoryException, pa.ArrowMemoryError, MemoryError):
                raise too_large from None
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                if clock.over:
                    raise UserError(
                        f"the query took longer than {timeout:g} s; ask for less, or raise --timeout"
                    ) from None
                if "Out of Memory" in str(error):
                    raise too_large from None
                raise UserError(f"the query is refused: {_reason(error)}") from None
    finally:
        connection.close()


def _check_asks(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UserError(f"the query must be one SQL statement, but got {len(statements)}")
    kind = statements[0].type.name
    # A pivot runs two statements: for its columns and for its rows.
    pivots = kind == "MULTI" and re.match(r"\s*(pivot|select|from|with)\b", sql, re.IGNORECASE)
    if kind != "SELECT" and not pivots:
        raise UserError(f"the query must only read (select, from, with, describe, ...), but is {kind}")


def _rows(table: pa.Table) -> QueryResult:
    columns = [_values(column) for column in table.columns]
    return list(table.column_names), list(zip(*columns, strict=True))


def _parquet(table: pa.Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [_without_decimals(column) for column in table.columns]
    plain = pa.Table.from_arrays(columns, names=unique_names(table.column_names))
    file = pa.BufferOutputStream()
    pq.write_table(plain, file, compression="zstd")
    data: bytes = file.getvalue().to_pybytes()
    return data


def _without_decimals(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    kind: Any = column.type
    if not pa.types.is_decimal(kind):
        return column
    if kind.scale == 0:
        with contextlib.suppress(pa.ArrowInvalid):
            return column.cast(pa.int64())
    return column.cast(pa.float64())


def _values(column: pa.ChunkedArray[Any]) -> list[Any]:
    import pyarrow as pa

    kind: Any = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        naive: list[Any] = column.cast(pa.timestamp(kind.unit)).to_pylist()
        return [time and time.replace(tzinfo=datetime.UTC) for time in naive]
    if pa.types.is_decimal(kind):
        # DuckDB sums integers as decimals without a fraction.
        plain = int if kind.scale == 0 else float
        return [None if value is None else plain(value) for value in column.to_pylist()]
    return list(column.to_pylist())


def _reason(error: Exception) -> str:
    """Return DuckDB's reason in one line, without its copy of the query."""
    reason, _, _ = str(error).partition("\n\nLINE ")
    return " ".join(reason.split())
