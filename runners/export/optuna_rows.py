"""Writes many trials into an Optuna storage at once.

Optuna queries the database several times for each parameter, attribute and intermediate value: 45 s for 1,000 trials
of 100 epochs. If the file has the supported tables, their rows are written directly.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

    import optuna

SUPPORTED_SCHEMA = 12
"""Version of Optuna's tables that the rows fit: that of Optuna 3.2 to 5."""

_Row = tuple[object, ...]


def add_trials(study: optuna.Study, file: Path, trials: Sequence[optuna.trial.FrozenTrial], first: int) -> None:
    """Add trials with finite values to a study, all or none.

    Args:
        study: A study with one objective, in a storage of one SQLite file.
        file: The file.
        trials: Trials of one objective, without `system_attrs`.
        first: Number of the first one: the present number of trials.
    """
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        version = connection.execute("select schema_version from version_info").fetchone()
        if version == (SUPPORTED_SCHEMA,):
            _insert(connection, study.study_name, trials, first)
            return
    study.add_trials(trials)


def _insert(connection: sqlite3.Connection, study: str, trials: Sequence[optuna.trial.FrozenTrial], first: int) -> None:
    # Nobody sees the file before it is complete, so it need not wait for the disk.
    connection.execute("pragma synchronous = off")
    (study_id,) = connection.execute("select study_id from studies where study_name = ?", [study]).fetchone()
    (last,) = connection.execute("select coalesce(max(trial_id), 0) from trials").fetchone()
    numbered = list(enumerate(trials, start=last + 1))
    for table, columns, rows in (
        (
            "trials",
            "trial_id, number, study_id, state, datetime_start, datetime_complete",
            (
                (i, first + i - last - 1, study_id, t.state.name, _time(t.datetime_start), _time(t.datetime_complete))
                for i, t in numbered
            ),
        ),
        (
            "trial_values",
            "trial_id, objective, value, value_type",
            ((i, 0, trial.value, "FINITE") for i, trial in numbered if trial.value is not None),
        ),
        ("trial_params", "trial_id, param_name, param_value, distribution_json", _parameters(numbered)),
        (
            "trial_user_attributes",
            "trial_id, key, value_json",
            ((i, key, json.dumps(value)) for i, trial in numbered for key, value in trial.user_attrs.items()),
        ),
        (
            "trial_intermediate_values",
            "trial_id, step, intermediate_value, intermediate_value_type",
            ((i, step, value, "FINITE") for i, trial in numbered for step, value in trial.intermediate_values.items()),
        ),
    ):
        places = ", ".join("?" * len(columns.split(",")))
        connection.executemany(f"insert into {table} ({columns}) values ({places})", rows)


def _parameters(numbered: Sequence[tuple[int, optuna.trial.FrozenTrial]]) -> Iterator[_Row]:
    from optuna.distributions import distribution_to_json

    # The trials of a study share their distributions.
    texts: dict[int, str] = {}
    for trial_id, trial in numbered:
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            if id(distribution) not in texts:
                texts[id(distribution)] = distribution_to_json(distribution)
            yield trial_id, name, distribution.to_internal_repr(value), texts[id(distribution)]


def _time(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.isoformat(sep=" ", timespec="microseconds")
