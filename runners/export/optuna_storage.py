"""Writes sweeps as studies of an Optuna storage, for optuna-dashboard and Optuna's own functions."""

from __future__ import annotations

import contextlib
import datetime
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runners.export.optuna_rows import add_trials
from runners.export.read import ExportedSweep, ExportedTrial
from seatbelt.records.sweep import NAMED_ARM, SweepFactor
from seatbelt.records.tables import Status
from seatbelt.text.redaction import printable

if TYPE_CHECKING:
    import optuna

_STATES = {
    Status.PLANNED: "WAITING",
    Status.RUNNING: "RUNNING",
    Status.PAUSED: "RUNNING",
    Status.INTERRUPTED: "RUNNING",
    Status.PRUNED: "PRUNED",
    Status.COMPLETE: "COMPLETE",
    Status.FAILED: "FAIL",
    Status.OUT_OF_MEMORY: "FAIL",
    Status.DIVERGED: "FAIL",
}

_SHOWN_RESULTS = ("test_iou", "test_iou_with_target", "seconds", "best_epoch")
_OBJECTIVE = "selection_iou"
_AT_A_TIME = 100


def write_storage(sweeps: Iterable[ExportedSweep], file: Path, bar: Callable[[int, int], None]) -> dict[str, int]:
    """Write a study for each sweep into a new SQLite file.

    Optuna's importances use the factors that all complete trials share. Trials outside the search or its space
    (confirmations, pretraining stages, named arms) are therefore in separate studies, named after the first.

    Args:
        sweeps: The sweeps.
        file: The file to make.
        bar: Called with the number of written trials and their total.

    Returns:
        Name of each study -> number of trials.
    """
    import optuna

    groups = [group for sweep in sweeps for group in _groups(sweep)]
    total = sum(len(trials) for _, _, trials in groups)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    done = 0
    try:
        with _quiet():
            for name, sweep, trials in groups:
                study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
                study.set_metric_names([_OBJECTIVE])
                study.set_user_attr("study", sweep.study)
                study.set_user_attr("question", sweep.question)
                distributions = _distributions(sweep.factors, trials)
                for first in range(0, len(trials), _AT_A_TIME):
                    part = [_trial(trial, distributions) for trial in trials[first : first + _AT_A_TIME]]
                    add_trials(study, file, part, first)
                    done += len(part)
                    bar(done, total)
    finally:
        storage.engine.dispose()
    return {name: len(trials) for name, _, trials in groups}


_Group = tuple[str, ExportedSweep, list[ExportedTrial]]


def _groups(sweep: ExportedSweep) -> list[_Group]:
    """Return the studies of a sweep: name, sweep, trials."""
    groups: dict[str, list[ExportedTrial]] = {}
    for trial in sweep.trials:
        suffix = ("" if trial.in_space else " (named arms)") if trial.role == "arm" else f" ({trial.role}s)"
        groups.setdefault(printable(f"{sweep.name}{suffix}"), []).append(trial)
    return [(name, sweep, groups[name]) for name in sorted(groups)]


def _distributions(
    factors: Iterable[SweepFactor], trials: list[ExportedTrial]
) -> dict[str, optuna.distributions.BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        factor.name: FloatDistribution(factor.range.low, factor.range.high, log=factor.range.log)
        if factor.range is not None
        else CategoricalDistribution(tuple(factor.levels))
        for factor in factors
    }
    named = list(dict.fromkeys(str(trial.levels[NAMED_ARM]) for trial in trials if not trial.in_space))
    if named:
        distributions[NAMED_ARM] = CategoricalDistribution(named)
    return distributions


def _trial(
    trial: ExportedTrial, distributions: dict[str, optuna.distributions.BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """Return a trial in Optuna's form, checked by Optuna."""
    from optuna.trial import TrialState, create_trial

    state = TrialState[_STATES[trial.status]]
    exported = create_trial(
        state=state,
        value=_value(trial),
        params=dict(trial.levels),
        distributions={name: distributions[name] for name in trial.levels},
        user_attrs={
            "trial_key": trial.trial_key,
            "arm_key": trial.arm_key,
            "replicate": trial.replicate,
            "role": trial.role,
            "status": trial.status.value,
            **{name: trial.results[name] for name in _SHOWN_RESULTS if name in trial.results},
            **({} if trial.error is None else {"error": trial.error}),
        },
        intermediate_values={
            epoch: values[_OBJECTIVE] for epoch, _, values in trial.curves.rows() if _OBJECTIVE in values
        },
    )
    exported.datetime_start = None if state is TrialState.WAITING else _local(trial.started)
    exported.datetime_complete = None if trial.ended is None else _local(trial.ended)
    return exported


def _value(trial: ExportedTrial) -> float | None:
    """Return the objective; for a pruned trial the last value, as in Optuna."""
    if trial.status is Status.COMPLETE:
        return trial.results[_OBJECTIVE]
    last: list[float] = trial.curves.values[_OBJECTIVE][-1:].tolist()
    return last[0] if trial.status is Status.PRUNED and last and math.isfinite(last[0]) else None


def _local(time: datetime.datetime) -> datetime.datetime:
    """Return a time as Optuna stores it: local, without a time zone."""
    return time.astimezone().replace(tzinfo=None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's messages about studies and experimental features."""
    import warnings

    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
