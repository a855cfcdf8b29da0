"""Many simulated sweeps: over processes, into one table that is gone on with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.simulation.regret import Setting, simulate
from seatbelt.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_SAVED_EVERY = 20.0
"""Seconds."""
_KEY = [field.name for field in fields(Setting) if field.name != "budget"]


def simulate_all(
    settings: Sequence[Setting], out: Path | None, *, jobs: int, told: Callable[[int, int], None]
) -> pd.DataFrame:
    """Simulate what the table does not hold yet, and return its rows of these settings.

    Args:
        settings: What to simulate.
        out: The Parquet table; rows of other settings stay in it.
        jobs: Processes.
        told: Called with how many are done, of how many.

    Raises:
        UserError: The file is no such table, or a setting is wrong.
    """
    import pandas as pd

    known = _read(out)
    done = set() if known is None else {_key(row) for row in known[_KEY].drop_duplicates().to_dict("records")}
    missing = [setting for setting in settings if _key(asdict(setting)) not in done]
    tables = [] if known is None else [known]
    saved = time.monotonic()
    for count, rows in enumerate(_simulated(missing, jobs), start=1):
        tables.append(pd.DataFrame(rows))
        told(count, len(missing))
        if out is not None and time.monotonic() - saved > _SAVED_EVERY:
            _write(out, pd.concat(tables, ignore_index=True))
            saved = time.monotonic()
    table = pd.concat(tables, ignore_index=True)
    if out is not None and missing:
        _write(out, table)
    wanted = {_key(asdict(setting)) for setting in settings}
    return table[[_key(row) in wanted for row in table[_KEY].to_dict("records")]].reset_index(drop=True)


def _simulated(settings: list[Setting], jobs: int) -> Iterator[list[dict[str, Any]]]:
    if jobs == 1:
        yield from map(simulate, settings)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(simulate, setting) for setting in settings]):
            yield future.result()


def _key(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _read(path: Path | None) -> pd.DataFrame | None:
    import pandas as pd

    if path is None or not path.exists():
        return None
    try:
        found = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a Parquet table ({error}); give another file with --out") from None
    if not {*_KEY, "cost", "regret"} <= set(found.columns):
        raise UserError(f"{path} is no table of simulated sweeps; give another file with --out")
    return found


def _write(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    table.to_parquet(part, index=False)
    os.replace(part, path)
