"""SQL over the tables of a sweep, without access to anything else."""

from __future__ import annotations

from typing import Any

from analysis.tables import Sweep, connect
from seatbelt.errors import UserError


def query(sweep: Sweep, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one SQL query over `trials`, `epochs`, `images` and `decisions`.

    The query sees copies of the tables; files, network and settings are locked.

    Returns:
        Column names and rows.

    Raises:
        UserError: The query is refused by duckdb, with its reason.
    """
    import duckdb

    connection = connect(sweep, materialise=True)
    try:
        connection.execute("set enable_external_access=false")
        connection.execute("set lock_configuration=true")
        result = connection.execute(sql)
        names = [column[0] for column in result.description or []]
        return names, result.fetchall() if names else []
    except duckdb.Error as error:
        raise UserError(f"the query is refused: {str(error).strip()}") from None
    finally:
        connection.close()
