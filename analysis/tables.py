"""Reading the Parquet tables of a sweep, while it runs or after."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seatbelt.errors import UserError
from seatbelt.records import TABLES
from seatbelt.storage import is_remote, open_storage

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_AT_ONCE = 16
"""Files of a bucket that are read at a time."""


class Sweep:
    """The results of one sweep, for reading.

    Attributes:
        root: Where the sweep is: a folder, or the URL of a bucket.
        description: What `sweep.json` holds.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)
        self._storage = open_storage(root)
        try:
            found: Any = json.loads(self._storage.read("sweep.json"))
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{root} is no sweep: it has no sweep.json; see `seatbelt sweep --help`") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{root}/sweep.json cannot be read as JSON ({error})") from None
        if not isinstance(found, dict):
            raise UserError(f"{root}/sweep.json must hold an object, but holds a {type(found).__name__}")
        self.description: dict[str, Any] = found

    @property
    def baselines(self) -> dict[str, float]:
        """Scores of the trivial baselines on the selection set.

        Raises:
            UserError: `sweep.json` holds something else there.
        """
        found: Any = self.description.get("baselines", {})
        if not isinstance(found, dict) or not all(type(value) in (int, float) for value in found.values()):
            raise UserError(f"{self.root}/sweep.json: baselines must map names to scores; restore it from a backup")
        return found

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial."""
        return self._frame("trials")

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per trial and epoch."""
        return self._frame("epochs")

    @property
    def images(self) -> pd.DataFrame:
        """One row per complete trial and test image."""
        return self._frame("images")

    @property
    def decisions(self) -> pd.DataFrame:
        """One row per decision."""
        return self._frame("decisions")

    def arrow(self, table: str) -> pa.Table:
        """Return a table as it is stored.

        Raises:
            UserError: It cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                files = list(pool.map(self._storage.read, self._storage.names(table)))
            return pa.concat_tables([pq.read_table(pa.BufferReader(data)) for data in files])
        except (OSError, ValueError) as error:
            raise UserError(f"{self.root}/{table} cannot be read ({error})") from None

    def _frame(self, table: str) -> pd.DataFrame:
        # What pandas would be told by the file may be somebody else's.
        found: pd.DataFrame = self.arrow(table).replace_schema_metadata(None).to_pandas()
        return found


def load(location: str | os.PathLike[str]) -> Sweep:
    """Open a sweep for reading.

    Args:
        location: Its folder, or a URL such as `s3://bucket/sweeps/architecture`.

    Raises:
        UserError: There is no sweep at the location.
    """
    return Sweep(location)


def connect(sweep: Sweep, *, materialise: bool) -> duckdb.DuckDBPyConnection:
    """Return a duckdb connection with the sweep's tables as `trials`, `epochs`, `images` and `decisions`.

    Args:
        sweep: The sweep.
        materialise: Copy the tables, which a connection that may open no files needs.
    """
    import duckdb

    connection = duckdb.connect()
    kind = "table" if materialise else "view"
    for table in TABLES:
        if is_remote(sweep.root):
            connection.register(f"{table}_read", sweep.arrow(table))
            connection.execute(f"create {kind} {table} as select * from {table}_read")
            continue
        folder = glob.escape(os.path.join(sweep.root, table))
        pattern = f"{folder}/*.parquet".replace("'", "''")
        try:
            connection.execute(f"create {kind} {table} as select * from read_parquet('{pattern}')")
        except duckdb.Error as error:
            raise UserError(f"{sweep.root}/{table} cannot be read ({str(error).splitlines()[0]})") from None
        _check_types(connection, sweep, table)
    return connection


@contextmanager
def readable(sweep: Sweep) -> Iterator[None]:
    """Turn whatever values in a sweep's tables lead to that no sweep writes into one error of the user.

    Raises:
        UserError: The tables hold such values.
    """
    try:
        yield
    except UserError:
        raise
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(
            f"the tables of {sweep.root} hold what no sweep writes ({what}); `seatbelt resume` writes them anew from "
            "the ledger"
        ) from None


def _check_types(connection: duckdb.DuckDBPyConnection, sweep: Sweep, table: str) -> None:
    found = {row[0]: row[1] for row in connection.execute(f"describe {table}").fetchall()}
    for column in TABLES[table]:
        kind = found.get(column.name, _TYPES[column.type])
        if kind != _TYPES[column.type]:
            connection.close()
            raise UserError(
                f"{sweep.root}/{table} cannot be read: the column {column.name} is {kind} instead of "
                f"{_TYPES[column.type]}; `seatbelt resume` writes the tables anew from the ledger"
            )


_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
