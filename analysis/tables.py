"""Reading the Parquet tables of a sweep, while it runs or after."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatbelt.errors import UserError
from seatbelt.records import TABLES

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


class Sweep:
    """The results of one sweep, for reading.

    Attributes:
        root: The sweep folder.
        description: What `sweep.json` holds.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        try:
            found: Any = json.loads((self.root / "sweep.json").read_text(encoding="utf-8"))
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

    def _frame(self, table: str) -> pd.DataFrame:
        import pandas as pd

        try:
            return pd.read_parquet(self.root / table)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.root}/{table} cannot be read ({error})") from None


def load(path: str | Path) -> Sweep:
    """Open a sweep for reading.

    Raises:
        UserError: There is no sweep at the path.
    """
    return Sweep(Path(path))


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
        folder = glob.escape(str(sweep.root / table))
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
