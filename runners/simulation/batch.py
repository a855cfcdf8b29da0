"""Runs many simulated sweeps over processes, into one resumable table."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from runners.simulation.regret import Setting, check_strategy, simulate, usual_budget, world_of
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage

_SAVE_SECONDS = 20.0
_KEY = [field.name for field in fields(Setting)]


def check(settings: Sequence[Setting], reference: str) -> dict[str, float]:
    """Check the settings before anything is simulated, and return the budget of each world.

    Raises:
        UserError: A world or a strategy does not exist, or the reference is not among the strategies.
    """
    strategies = {setting.strategy for setting in settings}
    for name in strategies:
        check_strategy(name)
    if reference not in strategies:
        raise UserError(f"--reference {reference} is none of the strategies: {', '.join(sorted(strategies))}")
    return {setting.world: setting.budget or _usual(setting.world) for setting in settings}


def simulate_all(
    settings: Sequence[Setting], out: Path | None, *, jobs: int, progress: Callable[[int, int], None]
) -> pd.DataFrame:
    """Simulate the settings that the table does not hold yet, and return the rows of all settings.

    Args:
        settings: The settings.
        out: The Parquet table; rows of other settings stay in it.
        jobs: Processes.
        progress: Called with the number of sweeps done and their total.

    Raises:
        UserError: The file is no such table, or a setting is wrong.
    """
    finished = _read(out)
    done = set() if finished is None else {_key(row) for row in finished[_KEY].drop_duplicates().to_dict("records")}
    settings = [_with_budget(setting) for setting in settings]
    missing = [setting for setting in settings if _key(asdict(setting)) not in done]
    tables = [] if finished is None else [finished]
    saved = time.monotonic()
    for count, rows in enumerate(_simulated(missing, jobs), start=1):
        tables.append(pd.DataFrame(rows))
        progress(count, len(missing))
        if out is not None and time.monotonic() - saved > _SAVE_SECONDS:
            _write(out, pd.concat(tables, ignore_index=True))
            saved = time.monotonic()
    table = pd.concat(tables, ignore_index=True)
    if out is not None and missing:
        _write(out, table)
    keys = {_key(asdict(setting)) for setting in settings}
    return table[[_key(row) in keys for row in table[_KEY].to_dict("records")]].reset_index(drop=True)


def _simulated(settings: list[Setting], jobs: int) -> Iterator[list[dict[str, Any]]]:
    if jobs == 1:
        yield from map(simulate, settings)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(simulate, setting) for setting in settings]):
            yield future.result()


def _with_budget(setting: Setting) -> Setting:
    return replace(setting, budget=setting.budget or _usual(setting.world))


@functools.cache
def _usual(world: str) -> float:
    # The cost of epochs does not depend on the seed.
    return usual_budget(world_of(world, 0))


def _key(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _read(path: Path | None) -> pd.DataFrame | None:
    if path is None or not path.exists():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a Parquet table ({error}); give another file with --out") from None
    if not {*_KEY, "cost", "regret"} <= set(table.columns):
        raise UserError(f"{path} is no table of simulated sweeps; give another file with --out")
    return table


def _write(path: Path, table: pd.DataFrame) -> None:
    LocalStorage(path.parent).write(path.name, table.to_parquet(index=False))
