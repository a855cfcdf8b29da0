"""Sweeps as experiments of an MLflow store, which `mlflow ui` opens."""

from __future__ import annotations

import datetime
import itertools
import logging
import os
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from runners.export.read import ExportedSweep, ExportedTrial
from seatbelt.errors import UserError
from seatbelt.records.tables import Status
from seatbelt.text.redaction import printable

_STATUSES = {
    Status.PLANNED: "SCHEDULED",
    Status.RUNNING: "RUNNING",
    Status.PAUSED: "RUNNING",
    Status.INTERRUPTED: "RUNNING",
    Status.PRUNED: "KILLED",
    Status.COMPLETE: "FINISHED",
    Status.FAILED: "FAILED",
    Status.OUT_OF_MEMORY: "FAILED",
    Status.DIVERGED: "FAILED",
}

_AT_A_TIME = 1000
"""Most metrics that MLflow takes in one batch."""
_PARAMETERS_AT_A_TIME = 100
_ARTIFACTS = "mlflow-artifacts:/"
"""Location of artifacts, of which there are none: it names no path of this machine."""


def write_store(sweeps: Iterable[ExportedSweep], file: Path, bar: Callable[[int, int], None]) -> dict[str, int]:
    """Write an experiment for each sweep, with a run for each trial, into a new SQLite file.

    Nothing is sent anywhere.

    Args:
        sweeps: The sweeps.
        file: The file to make.
        bar: Called with the number of written trials and their total.

    Returns:
        Name of each experiment -> number of runs.

    Raises:
        UserError: MLflow is not installed, or refuses a name.
    """
    store_class, refused = _mlflow()
    exported = list(sweeps)
    total = sum(len(sweep.trials) for sweep in exported)
    done = 0
    with warnings.catch_warnings():
        # MLflow's own models cause this warning.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        store = store_class(f"sqlite:///{file}", _ARTIFACTS)
        _disable_sync(store.engine)
        try:
            for sweep in exported:
                experiment = _experiment(store, sweep)
                for trial in sweep.trials:
                    _run(store, experiment, trial)
                    done += 1
                    bar(done, total)
        except refused as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"MLflow refuses what the sweeps hold ({printable(reason)})") from None
        finally:
            store.engine.dispose()
    return {printable(sweep.name): len(sweep.trials) for sweep in exported}


def _mlflow() -> tuple[Any, type[Exception]]:
    """Return MLflow's store class and its error, with telemetry off."""
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    except ImportError as error:
        raise UserError(
            f"--mlflow needs MLflow, which is not installed ({error}): `pip install 'seatbelt[mlflow]'`"
        ) from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return SqlAlchemyStore, MlflowException


def _disable_sync(engine: Any) -> None:  # noqa: ANN401  (of SQLAlchemy)
    from sqlalchemy import event

    # Nobody sees the file before it is complete, so it need not wait for the disk.
    @event.listens_for(engine, "connect")
    def _faster(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("pragma synchronous = off")

    engine.dispose()


def _experiment(store: Any, sweep: ExportedSweep) -> str:  # noqa: ANN401  (of MLflow)
    from mlflow.entities import ExperimentTag

    tags = {"study": sweep.study, "mlflow.note.content": sweep.question}
    experiment: str = store.create_experiment(
        printable(sweep.name), tags=[ExperimentTag(name, value) for name, value in tags.items() if value]
    )
    return experiment


def _run(store: Any, experiment: str, trial: ExportedTrial) -> None:  # noqa: ANN401  (of MLflow)
    from mlflow.entities import Param, RunStatus, RunTag

    tags = {
        "trial_key": trial.trial_key,
        "arm_key": trial.arm_key,
        "replicate": str(trial.replicate),
        "role": trial.role,
        "status": trial.status.value,
        **({} if trial.error is None else {"error": trial.error}),
    }
    run = store.create_run(
        experiment, "seatbelt", _milliseconds(trial.started), [RunTag(*tag) for tag in tags.items()], trial.run_name
    ).info
    parameters = {
        **{name: str(level) for name, level in trial.levels.items()},
        **{f"config.{name}": value for name, value in trial.configuration.items() if value},
    }
    for part in _parts((Param(*item) for item in parameters.items()), _PARAMETERS_AT_A_TIME):
        store.log_batch(run.run_id, metrics=[], params=part, tags=[])
    for part in _parts(_metrics(trial), _AT_A_TIME):
        store.log_batch(run.run_id, metrics=part, params=[], tags=[])
    ended = None if trial.ended is None else _milliseconds(trial.ended)
    store.update_run_info(run.run_id, getattr(RunStatus, _STATUSES[trial.status]), ended, trial.run_name)


def _metrics(trial: ExportedTrial) -> Iterator[Any]:
    """Yield the metrics of each epoch, then the results at the last one."""
    from mlflow.entities import Metric

    for epoch, at, values in trial.curves.rows():
        for name, value in values.items():
            yield Metric(name, value, int(at * 1000), epoch)
    last = int(trial.results.get("epochs_done", 0))
    for name, value in trial.result_metrics.items():
        yield Metric(name, value, _milliseconds(trial.ended or trial.started), last)


def _parts(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(itertools.islice(rest, size)):
        yield part


def _milliseconds(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)
