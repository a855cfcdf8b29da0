"""The story of a trial: what proposed it and why, what was decided at each rung, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.answers.ranking import best_trial
from analysis.answers.rung_story import RungStory, rung_stories
from analysis.reading.lookup import TrialName, find_trial, trial_names
from analysis.reading.tables import SweepTables, readable
from analysis.reading.trial_cells import complete_trials
from analysis.reading.unfinished import unfinished_text
from seatbelt.records.sweep import read_cell

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A recorded decision about the trial."""

    number: int
    at: str | None
    """UTC, ISO 8601."""
    kind: str
    by: str
    epoch: int | None
    score: float | None
    rank: int | None
    compared: int | None
    allowed: int | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The pretraining that the trial begins with."""

    stage_key: str
    reused: bool
    """Whether it was trained for another trial or sweep."""
    seconds: float | None
    """Training time, seconds."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """A trial from proposal to end."""

    trial_key: str
    number: int | None
    arm_key: str
    cell: dict[str, str]
    replicate: int | None
    role: str
    status: str
    exempt: bool
    proposed_by: str | None
    decisions: list[Decision]
    rungs: list[RungStory]
    """The rungs where it stopped; empty for an exempt trial."""
    prunes: bool
    """Whether the sweep prunes."""
    eta: int
    """One of this many trials at a rung is promoted."""
    stage: Stage | None
    used_by: list[TrialName]
    """Trials that begin with this one as their stage."""
    epochs_done: int
    epochs_planned: int | None
    attempts: int
    failures: int
    machine_faults: int
    hosts: list[str]
    """Hosts that measured its epochs, in order."""
    error: str | None
    ended_at: str | None
    best_epoch: int | None
    selection_iou: float | None
    test_iou: float | None
    place: int | None
    """Rank of its arm among the arms with complete trials (1 is best); None if it has none."""
    arms: int
    """Number of arms with complete trials."""
    provisional: str | None
    """A note if the sweep is not finished."""


def why(sweep: SweepTables, trial: str) -> Story:
    """Tell the story of a trial.

    Args:
        sweep: The sweep.
        trial: Its key or number, or the first digits of its key.

    Raises:
        UserError: No trial or more than one matches, or the tables hold values that no sweep writes.
    """
    with readable(sweep):
        return _why(sweep, trial)


def _why(sweep: SweepTables, name: str) -> Story:
    trials, epochs, decisions = sweep.trials, sweep.epochs, sweep.decisions
    key = find_trial(trial_names(trials), name, lambda: best_trial(sweep))
    row = {str(column): _python_value(value) for column, value in trials[trials["trial_key"] == key].iloc[0].items()}
    measured = epochs[epochs["trial_key"] == key].sort_values("epoch")
    place, arms = _place(trials, row["arm_key"])
    counts = {str(status): int(count) for status, count in trials["status"].value_counts().items()}
    return Story(
        trial_key=key,
        number=_int(row["number"]),
        arm_key=row["arm_key"],
        cell=read_cell(row["cell"]),
        replicate=_int(row["replicate"]),
        role=row["role"] or "arm",
        status=row["status"],
        exempt=bool(row["exempt"]),
        proposed_by=row["proposed_by"],
        decisions=[
            _decision(decision) for decision in decisions[decisions["trial_key"] == key].to_dict(orient="records")
        ],
        rungs=rung_stories(key, trials, epochs, decisions),
        prunes=sweep.record.prunes,
        eta=sweep.record.eta,
        stage=_stage(row),
        used_by=trial_names(trials[trials["stage_key"] == key]),
        epochs_done=_int(row["epochs_done"]) or 0,
        epochs_planned=_int(row["epochs_planned"]),
        attempts=_int(row["attempts"]) or 0,
        failures=_int(row["failures"]) or 0,
        machine_faults=_int(row["machine_faults"]) or 0,
        hosts=[str(host) for host in measured["host"].dropna().drop_duplicates()],
        error=row["error"],
        ended_at=_time(row["ended_at"]),
        best_epoch=_int(row["best_epoch"]),
        selection_iou=row["selection_iou"],
        test_iou=row["test_iou"],
        place=place,
        arms=arms,
        provisional=unfinished_text(counts),
    )


def _place(trials: pd.DataFrame, arm: str) -> tuple[int | None, int]:
    means = complete_trials(trials, "arm").groupby("arm_key")["selection_iou"].mean()
    ranked = [str(key) for key in means.sort_values(ascending=False, kind="stable").index]
    return (ranked.index(arm) + 1 if arm in ranked else None), len(ranked)


def _stage(row: dict[str, Any]) -> Stage | None:
    if row["stage_key"] is None:
        return None
    return Stage(stage_key=row["stage_key"], reused=bool(row["stage_reused"]), seconds=row["stage_seconds"])


def _decision(columns: dict[Any, Any]) -> Decision:
    row = {str(name): _python_value(value) for name, value in columns.items()}
    return Decision(
        number=int(row["number"]),
        at=_time(row["at"]),
        kind=str(row["kind"]),
        by=str(row["by"]),
        epoch=_int(row["epoch"]),
        score=row["score"],
        rank=_int(row["rank"]),
        compared=_int(row["compared"]),
        allowed=_int(row["allowed"]),
        reason=str(row["reason"]),
    )


def _python_value(value: Any) -> Any:  # noqa: ANN401  (of a data frame)
    import pandas as pd

    # Missing values are NaN, NaT or None, depending on the type of the column.
    if value is None or value is pd.NaT or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def _int(value: Any) -> int | None:  # noqa: ANN401
    return None if value is None else int(value)


def _time(value: Any) -> str | None:  # noqa: ANN401
    return None if value is None else str(value.isoformat(timespec="seconds"))
