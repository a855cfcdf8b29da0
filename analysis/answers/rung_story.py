"""What happened to a trial at each rung, reconstructed from decisions and epochs.

A trial that is not exempt stops at each rung. One promotion is allowed per `eta` trials that reached the rung, and goes
to the best waiting trial. The arrival of a trial is the time of its epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Another trial at the rung."""

    trial_key: str
    number: int
    score: float
    """Its best selection IoU up to the rung."""


@dataclass(frozen=True, kw_only=True)
class RungStory:
    """A trial at a rung."""

    rung: int
    """Epoch."""
    score: float
    """Its best selection IoU up to the rung."""
    rank: int
    """Rank among the trials compared (1 is best): at its promotion, else among all trials at the rung so far."""
    compared: int
    """Trials that had reached the rung."""
    allowed: int | None
    """Promotions allowed by then; None if no decision recorded it."""
    promoted: bool
    reason: str
    """Reason of the decision, or why there was none."""
    ahead: Neighbour | None
    """The next better trial among those compared."""
    behind: Neighbour | None
    """The next worse trial."""
    best_waiting: Neighbour | None
    """The best other trial that was waiting at that time."""
    cut: Neighbour | None
    """The last trial that would be promoted if the allowed promotions went to the best of all compared."""
    needed: float | None
    """A score above this would have been promoted after its arrival; None if it was promoted, or if no other was
    since."""


@dataclass(frozen=True)
class _Arrival:
    key: str
    score: float
    number: int
    at: Any


def rung_stories(key: str, trials: pd.DataFrame, epochs: pd.DataFrame, decisions: pd.DataFrame) -> list[RungStory]:
    """Return what happened to a trial at each rung where it stopped, lowest first.

    Args:
        key: The trial.
        trials: Table of trials.
        epochs: Table of epochs.
        decisions: Table of decisions.
    """
    at_rungs = decisions[(decisions["by"] == "asha") & decisions["kind"].isin(["promotion", "prune"])]
    row = trials[trials["trial_key"] == key].iloc[0]
    if row["exempt"]:
        return []
    stories = []
    rungs = {int(epoch) for epoch in at_rungs["epoch"].dropna()}
    if row["status"] == Status.PAUSED:
        rungs.add(int(row["epochs_done"]))
    for rung in sorted(rungs):
        chosen = at_rungs[at_rungs["epoch"] == rung].sort_values("number")
        arrivals = _arrivals(rung, trials, epochs, chosen)
        if any(arrival.key == key for arrival in arrivals):
            stories.append(_story(key, rung, arrivals, chosen))
    return stories


def _arrivals(rung: int, trials: pd.DataFrame, epochs: pd.DataFrame, decisions: pd.DataFrame) -> list[_Arrival]:
    """Return the trials that stopped at a rung, in order of arrival."""
    decided = set(decisions["trial_key"])
    waits = (trials["epochs_done"] == rung) & (trials["status"] == Status.PAUSED)
    stopped = trials[trials["trial_key"].isin(decided) | (waits & ~trials["exempt"].astype(bool))]
    numbers = dict(zip(stopped["trial_key"], stopped["number"], strict=True))
    measured = epochs[epochs["trial_key"].isin(numbers) & (epochs["epoch"] <= rung)]
    scores = measured.groupby("trial_key")["selection_iou"].max()
    times = measured[measured["epoch"] == rung].groupby("trial_key")["at"].max()
    arrivals = [_Arrival(str(key), float(scores[key]), int(numbers[key]), times[key]) for key in times.index]
    return sorted(arrivals, key=lambda arrival: (arrival.at, arrival.number))


def _story(key: str, rung: int, arrivals: list[_Arrival], decisions: pd.DataFrame) -> RungStory:
    arrival = next(arrival for arrival in arrivals if arrival.key == key)
    rows: list[dict[Any, Any]] = decisions.to_dict(orient="records")
    # A trial pruned at the end of a sweep may be promoted after the sweep is extended.
    decisions_of_trial = sorted(
        (row for row in rows if row["trial_key"] == key), key=lambda row: row["kind"] == "promotion"
    )
    decision = decisions_of_trial[-1] if decisions_of_trial else None
    promoted = decision is not None and decision["kind"] == "promotion"
    compared = arrivals
    if decision is not None and promoted:
        # The trials there at its promotion; the decision records their number.
        compared = arrivals[: int(decision["compared"])] if _is_present(decision["compared"]) else compared
        compared = compared if arrival in compared else [*compared[:-1], arrival]
    before = [row for row in rows if decision is None or not promoted or row["number"] < decision["number"]]
    promoted_before = {str(row["trial_key"]) for row in before if row["kind"] == "promotion"}
    ranked = sorted(compared, key=lambda arrival: (-arrival.score, arrival.number))
    position = ranked.index(arrival)
    waiting = [arrival for arrival in ranked if arrival.key not in promoted_before and arrival.key != key]
    allowed = int(decision["allowed"]) if decision is not None and _is_present(decision["allowed"]) else None
    needed = None if promoted else _needed(arrival, rows)
    return RungStory(
        rung=rung,
        score=arrival.score,
        rank=int(decision["rank"]) if decision is not None and _is_present(decision["rank"]) else position + 1,
        compared=int(decision["compared"])
        if decision is not None and _is_present(decision["compared"])
        else len(compared),
        allowed=allowed,
        promoted=promoted,
        reason=str(decision["reason"]) if decision is not None else f"waits at epoch {rung}",
        ahead=_neighbour(ranked, position - 1),
        behind=_neighbour(ranked, position + 1),
        best_waiting=_neighbour(waiting, 0),
        cut=_neighbour(ranked, allowed - 1) if allowed else None,
        needed=needed,
    )


def _needed(arrival: _Arrival, rows: list[dict[Any, Any]]) -> float | None:
    """Return the lowest score promoted after a trial arrived: with a higher score, the trial would have been first."""
    later = [
        row for row in rows if row["kind"] == "promotion" and row["at"] >= arrival.at and _is_present(row["score"])
    ]
    # A lower score may have been promoted while the trial was being stopped.
    scores = [float(row["score"]) for row in later if row["score"] >= arrival.score]
    return min(scores, default=None)


def _is_present(value: object) -> bool:
    # pandas stores a missing number as NaN.
    return value is not None and value == value


def _neighbour(ranked: list[_Arrival], position: int) -> Neighbour | None:
    if not 0 <= position < len(ranked):
        return None
    arrival = ranked[position]
    return Neighbour(trial_key=arrival.key, number=arrival.number, score=arrival.score)
