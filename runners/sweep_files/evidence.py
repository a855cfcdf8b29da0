"""Checks the journal against tables and checkpoints, so that no driver continues a lost or truncated journal."""

from __future__ import annotations

import contextlib

import pyarrow as pa
import pyarrow.parquet as pq

from runners.core.history import History
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.records.tables import SWEEP_METADATA, TABLES
from seatbelt.text.wording import counted

_WAY_OUT = "restore it from a backup, or start a new sweep: the tables stay readable"


def check_shards(folder: SweepFolder, identity: str) -> None:
    """Refuse tables of another sweep that lie among those of this one.

    Raises:
        UserError: A shard names another sweep.
    """
    for table in TABLES:
        for path in sorted((folder.root / table).glob("*.parquet")):
            # A damaged table proves nothing, as in `check_journal`.
            with contextlib.suppress(pa.ArrowException, OSError):
                named = (pq.read_metadata(path).metadata or {}).get(SWEEP_METADATA.encode(), b"").decode()
                if named and named != identity:
                    raise UserError(
                        f"{path} belongs to another sweep ({named}, this one is {identity or 'older'}); move it away, "
                        f"then `seatbelt resume {folder.name}` writes the tables anew"
                    )


def check_journal(folder: SweepFolder, history: History) -> None:
    """Compare tables and checkpoints of earlier drivers with the journal, which is written before them.

    Args:
        folder: The sweep.
        history: The history of its journal.

    Raises:
        UserError: They hold more than the journal, whose end must be missing.
    """
    for table, recorded in (("decisions", history.decisions), ("epochs", history.epochs_done)):
        rows = 0
        for path in sorted((folder.root / table).glob("*.parquet")):
            # A damaged table proves nothing, and is written anew.
            with contextlib.suppress(pa.ArrowException, OSError):
                rows += pq.read_metadata(path).num_rows
        if rows > recorded:
            raise UserError(
                f"{folder.journal} holds {recorded} {table}, but their table has {rows}: its end is missing; {_WAY_OUT}"
            )
    if folder.remote:
        # Workers write checkpoints to the bucket at once, but the driver publishes its journal later.
        return
    trained = {name.split("/")[1] for name in folder.storage.names("checkpoints")}
    unknown = sorted(trained - set(history.trials))
    if unknown:
        raise UserError(
            f"{folder.journal} knows nothing of {counted(len(unknown), 'trial')} with checkpoints (such as "
            f"{unknown[0]}): it was lost or cut; {_WAY_OUT}"
        )
