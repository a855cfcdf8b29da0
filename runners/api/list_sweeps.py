"""Lists the sweeps of a folder or bucket: a few numbers of each, from its description, its tables and its lock."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis import load
from analysis.reading.tables import SweepTables, readable
from analysis.text.tables import fitted_table
from runners.core.plan import Limits
from runners.session.sweep_progress import total_epochs
from runners.sweep_files.folder import DESCRIPTION, SweepFolder
from runners.sweep_files.journal import as_recorded, last_limits
from runners.sweep_files.ledger import holder
from seatbelt.errors import UserError
from seatbelt.records.tables import FINAL, WITHOUT_RESULT, Status
from seatbelt.storage.base import is_remote, open_storage
from seatbelt.storage.refusals import RefusedError
from seatbelt.text.wording import age

if TYPE_CHECKING:
    import pyarrow as pa

State = Literal["running", "stopped", "finished", "failed", "damaged"]

_AT_ONCE = 16
"""Sweeps of a bucket that are read in parallel."""
_ENDED = [status.value for status in (*FINAL, Status.PRUNED)]
_COLUMNS = ["arm_key", "role", "status", "epochs_done", "selection_iou"]


@dataclass(frozen=True, kw_only=True)
class ListedSweep:
    """One sweep of a list."""

    name: str
    location: str
    state: State
    """`stopped`: nobody runs it, and something is left to do. `failed`: finished, and no trial has a result."""
    study: str = ""
    trials: int = 0
    """Trials of the search that ended."""
    most_trials: int | None = None
    epochs: int = 0
    """Epochs of trials of the search."""
    most_epochs: int | None = None
    """Roughly how many it will train; None if only time limits it, and in a bucket."""
    best: float | None = None
    """Selection IoU of the best arm: the mean over its complete trials; if no trial is complete, the best so far."""
    created: str = ""
    """ISO 8601."""
    disk: int | None = None
    """Bytes of all its files."""
    problem: str | None = None
    """What is wrong with a damaged one."""


def list_sweeps(place: str) -> list[ListedSweep]:
    """Return the sweeps in a folder or below a prefix of a bucket, newest first; a sweep alone is a list of one.

    Raises:
        UserError: There is no such folder, or it holds no sweep.
    """
    locations = _locations(place)
    if not locations:
        raise UserError(
            f"{place} holds no sweeps; `seatbelt sweep STUDY` makes one, and `seatbelt list FOLDER` lists others"
        )
    if not is_remote(place):
        listed = [_listed(location) for location in locations]
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            listed = list(pool.map(_listed, locations))
    return sorted(listed, key=lambda sweep: sweep.created, reverse=True)


def list_text(sweeps: list[ListedSweep], width: int | None) -> str:
    """Return sweeps as a table that fits a terminal of `width` columns, and the problems of damaged ones."""
    names = ["sweep", "study", "state", "trials", "epochs", "best", "age", "disk"]
    rows = [
        [
            sweep.name,
            sweep.study or "-",
            sweep.state,
            "-" if sweep.problem else _of(sweep.trials, sweep.most_trials),
            "-" if sweep.problem else _of(sweep.epochs, sweep.most_epochs),
            "-" if sweep.best is None else f"{sweep.best:.3f}",
            _age(sweep.created),
            "-" if sweep.disk is None else f"{sweep.disk / 2**20:,.0f} MiB",
        ]
        for sweep in sweeps
    ]
    table = fitted_table(names, rows, width, drop=("disk", "study", "age"))
    return "\n".join([table, *(f"{sweep.name}: {sweep.problem}" for sweep in sweeps if sweep.problem)])


def _locations(place: str) -> list[str]:
    if is_remote(place):
        names = open_storage(place).names()
        if DESCRIPTION in names:
            return [place]
        return [f"{place.rstrip('/')}/{name.split('/')[0]}" for name in names if name.split("/")[1:] == [DESCRIPTION]]
    folder = Path(place)
    if not folder.is_dir():
        raise UserError(f"there is no folder {place}; `seatbelt sweep STUDY` makes sweeps, in `sweeps` by default")
    if _is_sweep(folder):
        return [place]
    return [os.fspath(path) for path in sorted(folder.iterdir()) if _is_sweep(path)]


def _is_sweep(folder: Path) -> bool:
    """Return whether a folder is a sweep, or one that lost its description."""
    return (folder / DESCRIPTION).is_file() or (folder / "state" / "journal.jsonl").is_file()


def _listed(location: str) -> ListedSweep:
    name = Path(location).name or location
    try:
        return _sound(location, name)
    except RefusedError:
        raise
    except (UserError, OSError) as error:
        return ListedSweep(name=name, location=location, state="damaged", problem=str(error))


def _sound(location: str, name: str) -> ListedSweep:
    folder = SweepFolder(location)
    description = folder.describe()
    with as_recorded(folder):
        # The journal of a bucket would have to be downloaded whole.
        limits = None if folder.remote else last_limits(folder) or Limits()
        plan = None if limits is None else description.plan(limits)
    tables = load(location)
    with readable(tables):
        searched = tables.arrow("trials", _COLUMNS).to_pydict()
        trials = [dict(zip(searched, row, strict=True)) for row in zip(*searched.values(), strict=True)]
        of_search = [row for row in trials if row["role"] in (None, "arm")]
        return ListedSweep(
            name=name,
            location=location,
            state=_state(folder, tables, [row["status"] for row in trials]),
            study=description.study,
            trials=sum(row["status"] in _ENDED for row in of_search),
            epochs=sum(row["epochs_done"] for row in of_search),
            best=_best(of_search),
            created=description.created,
            disk=folder.storage.size(),
            most_trials=None if plan is None else plan.most_trials,
            most_epochs=None if plan is None else total_epochs(plan),
        )


def _state(folder: SweepFolder, tables: SweepTables, statuses: list[str]) -> State:
    if holder(folder) is not None:
        return "running"
    decisions: pa.Table = tables.arrow("decisions", ["number", "kind"])
    kinds = sorted(zip(decisions["number"].to_pylist(), decisions["kind"].to_pylist(), strict=True))
    last = next((kind for _, kind in reversed(kinds) if kind != "prune"), None)
    if last != "finish":
        return "stopped"
    ended = [status for status in statuses if status not in (Status.PLANNED, Status.INTERRUPTED)]
    return "failed" if ended and all(status in WITHOUT_RESULT for status in ended) else "finished"


def _best(trials: list[dict[str, Any]]) -> float | None:
    """Return the score by which `seatbelt best` ranks the first arm."""
    complete: dict[str, list[float]] = {}
    measured = [row for row in trials if isinstance(row["selection_iou"], float)]
    for row in measured:
        if row["status"] == Status.COMPLETE:
            complete.setdefault(row["arm_key"], []).append(row["selection_iou"])
    if complete:
        return max(sum(scores) / len(scores) for scores in complete.values())
    return max((row["selection_iou"] for row in measured), default=None)


def _of(done: int, most: int | None) -> str:
    return f"{done:,}" if most is None else f"{done:,}/{most:,}"


def _age(created: str) -> str:
    try:
        return age(time.time() - datetime.fromisoformat(created).timestamp())
    except ValueError:
        return "-"
