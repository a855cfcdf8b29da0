"""SQL over the tables of a sweep, without access to anything else."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from analysis.tables import Sweep, connect
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def query(sweep: Sweep, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one SQL query over `trials`, `epochs`, `images` and `decisions`.

    The query sees copies of the tables; files, network and settings are locked. Times are UTC.

    Returns:
        Column names and rows of plain Python values.

    Raises:
        UserError: It is not one query, or duckdb refuses it, with its reason.
    """
    import duckdb

    connection = connect(sweep, materialise=True)
    try:
        connection.execute("set TimeZone='UTC'")
        connection.execute("set enable_external_access=false")
        connection.execute("set lock_configuration=true")
        count = len(connection.extract_statements(sql))
        if count != 1:
            raise UserError(f"the query must be one SQL statement, but got {count}")
        # None for statements without an answer, up to duckdb 1.
        relation: Any = connection.sql(sql)
        if relation is None:
            return [], []
        # Through Arrow: duckdb's own conversion of times needs pytz, which nothing else here does.
        table = relation.to_arrow_table()
        columns = [_values(column) for column in table.columns]
        return list(table.column_names), list(zip(*columns, strict=True))
    except duckdb.Error as error:
        raise UserError(f"the query is refused: {_reason(error)}") from None
    finally:
        connection.close()


def _values(column: pa.ChunkedArray[Any]) -> list[Any]:
    import pyarrow as pa

    kind: Any = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        naive: list[Any] = column.cast(pa.timestamp(kind.unit)).to_pylist()
        return [time and time.replace(tzinfo=datetime.UTC) for time in naive]
    if pa.types.is_decimal(kind):
        # Sums of integers are decimals without a fraction.
        plain = int if kind.scale == 0 else float
        return [None if value is None else plain(value) for value in column.to_pylist()]
    return list(column.to_pylist())


def _reason(error: Exception) -> str:
    """Return duckdb's reason in one line, without its copy of the query."""
    reason, _, _ = str(error).partition("\n\nLINE ")
    return " ".join(reason.split())
