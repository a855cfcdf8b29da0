"""Reads the Parquet tables of a sweep, running or finished."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Protocol

from seatbelt.errors import UserError, refuse_impossible, refuse_newer_format
from seatbelt.records.sweep import FORMAT, SweepRecord, read_record
from seatbelt.records.tables import SWEEP_METADATA
from seatbelt.storage.base import is_remote, open_storage
from seatbelt.storage.refusals import RefusedError
from seatbelt.text.redaction import printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Location = str | os.PathLike[str]

ArmRole = Literal["arm", "confirmation"]
"""Which trials of an arm are used: those of the search, or those that confirm it with fresh seeds."""

REWRITE = "move the file away, then `seatbelt resume` writes the tables anew from the ledger"

_AT_ONCE = 16
"""Files of a bucket to read in parallel."""


class Source(Protocol):
    """One sweep, or several that are read as one."""

    @property
    def root(self) -> str:
        """Location, for messages."""

    @property
    def parts(self) -> Sequence[tuple[str | None, SweepTables]]:
        """The sweeps, each with the value of its column `sweep`; None for no such column."""


class SweepTables:
    """The recorded tables of one sweep and its `sweep.json`.

    A table is read at each access, also while the sweep runs; keep it in a variable to use it twice.

    Attributes:
        root: Where the sweep is: a folder, or the URL of a bucket.
        description: What `sweep.json` holds.
    """

    def __init__(self, root: Location) -> None:
        self.root = os.fspath(root)
        self._storage = open_storage(root)
        try:
            content: Any = json.loads(self._storage.read("sweep.json"))
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{root} is no sweep: it has no sweep.json; see `seatbelt sweep --help`") from None
        except RefusedError:
            # The file itself is fine.
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{root}/sweep.json cannot be read as JSON ({error})") from None
        if not isinstance(content, dict):
            raise UserError(f"{root}/sweep.json must hold an object, but holds a {type(content).__name__}")
        refuse_newer_format(f"{root}/sweep.json", content.get("format"), FORMAT)
        self.description: dict[str, Any] = content

    @cached_property
    def record(self) -> SweepRecord:
        """What `sweep.json` holds, typed.

        Raises:
            UserError: A field holds what no sweep writes.
        """
        return read_record(f"{self.root}/sweep.json", self.description)

    @property
    def identity(self) -> str:
        """Identifies the files of this sweep; empty in sweeps older than this field."""
        return self.record.identity

    @property
    def data_fingerprint(self) -> str:
        """Fingerprint of the data sets, as recorded in its trials."""
        return "+".join(source.fingerprint for source in self.record.data)

    @property
    def baselines(self) -> dict[str, float]:
        """Scores of the trivial baselines on the selection set."""
        return self.record.baselines

    @property
    def name(self) -> str:
        """The last part of its location."""
        path = self.root if is_remote(self.root) else os.path.abspath(self.root)
        return PurePosixPath(path).name

    @property
    def parts(self) -> Sequence[tuple[str | None, SweepTables]]:
        """The sweep alone, without a name for a column `sweep`."""
        return [(None, self)]

    @property
    def factors(self) -> dict[str, list[str]]:
        """Factor -> labels of its levels in the order of `sweep.json`; a range has none."""
        return {factor.name: list(factor.levels) for factor in self.record.factors}

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial: configuration, status, scores, cost (columns: `seatbelt.records.tables.TRIALS`)."""
        return self._frame("trials")

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per trial and epoch (columns: `seatbelt.records.tables.EPOCHS`)."""
        return self._frame("epochs")

    @property
    def images(self) -> pd.DataFrame:
        """One row per complete trial and test image (columns: `seatbelt.records.tables.IMAGES`)."""
        return self._frame("images")

    @property
    def decisions(self) -> pd.DataFrame:
        """One row per proposal, promotion or stop (columns: `seatbelt.records.tables.DECISIONS`)."""
        return self._frame("decisions")

    def files(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of the sweep."""
        return self._storage.names(folder)

    def arrow(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """Return a table as stored, or some of its columns.

        Raises:
            UserError: The table cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names = self._storage.names(table)
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                contents = pool.map(self._storage.read, names)
                shards = [pq.read_table(pa.BufferReader(data), columns=columns) for data in contents]
            for name, shard in zip(names, shards, strict=True):
                identity = (shard.schema.metadata or {}).get(SWEEP_METADATA.encode(), b"").decode()
                check_identity(self, f"{self.root}/{name}", identity)
            # While a newer version rewrites the shards of an older one, some lack its columns.
            bare = [shard.replace_schema_metadata(None) for shard in shards]
            return pa.concat_tables(bare, promote_options="default")
        except (UserError, RefusedError):
            raise
        except (OSError, ValueError) as error:
            raise UserError(f"{self.root}/{table} cannot be read ({error})") from None

    def _frame(self, table: str) -> pd.DataFrame:
        # Metadata for pandas in the file may be somebody else's.
        frame: pd.DataFrame = self.arrow(table).replace_schema_metadata(None).to_pandas()
        if table == "trials" and "role" in frame:
            # Tables of older versions leave the role of arms empty.
            frame["role"] = frame["role"].fillna("arm")
        return frame


def check_identity(sweep: SweepTables, place: str, identity: str) -> None:
    """Check that a table file belongs to a sweep.

    Raises:
        UserError: The file names another sweep.
    """
    if identity and identity != sweep.identity:
        raise UserError(
            f"{place} belongs to another sweep ({printable(identity)}, this one is {sweep.identity or 'older'}); "
            f"{REWRITE}"
        )


def readable(sweep: Source) -> AbstractContextManager[None]:
    """Turn exceptions caused by impossible values in a sweep's tables into one `UserError`."""
    return refuse_impossible(
        f"the tables of {sweep.root} hold what no sweep writes", "`seatbelt resume` writes them anew from the ledger"
    )
