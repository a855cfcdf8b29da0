"""What happened to a trial at each rung, reconstructed from decisions and epochs.

A trial that is not exempt stops at a rung; one promotion is allowed for every so many trials that reached it, and
goes to the best of those that wait. When a trial arrived is taken from the time of its epoch.
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
    """Among the trials compared, 1 is best: when it was promoted, else of all that reached the rung so far."""
    compared: int
    """Trials that had reached the rung."""
    allowed: int | None
    """Promotions allowed from the rung by then; None where no decision tells."""
    promoted: bool
    reason: str
    """Of the decision, or why there was none."""
    ahead: Neighbour | None
    """The one just above it among those compared."""
    behind: Neighbour | None
    """The one just below it."""
    best_waiting: Neighbour | None
    """The best of the others that waited and were not promoted then."""
    cut: Neighbour | None
    """The last one that the allowed promotions would reach if the best of all compared got them."""
    needed: float | None
    """A score above this would have been promoted after it arrived; None if it was, or if none was promoted since."""


@dataclass(frozen=True)
class _Arrival:
    key: str
    score: float
    number: int
    at: Any


def rung_stories(key: str, trials: pd.DataFrame, epochs: pd.DataFrame, decisions: pd.DataFrame) -> list[RungStory]:
    """Return what happened to a trial at each rung that it stopped at, from the lowest.

    Args:
        key: The trial.
        trials: Table of trials.
        epochs: Table of epochs.
        decisions: Table of decisions.
    """
    at_rungs = decisions[(decisions["by"] == "asha") & decisions["kind"].isin(["promotion", "prune"])]
    own = trials[trials["trial_key"] == key].iloc[0]
    if own["exempt"]:
        return []
    stories = []
    rungs = {int(epoch) for epoch in at_rungs["epoch"].dropna()}
    if own["status"] == Status.PAUSED:
        rungs.add(int(own["epochs_done"]))
    for rung in sorted(rungs):
        chosen = at_rungs[at_rungs["epoch"] == rung].sort_values("number")
        arrivals = _arrivals(rung, trials, epochs, chosen)
        if any(arrival.key == key for arrival in arrivals):
            stories.append(_story(key, rung, arrivals, chosen))
    return stories


def _arrivals(rung: int, trials: pd.DataFrame, epochs: pd.DataFrame, decisions: pd.DataFrame) -> list[_Arrival]:
    """Return the trials that stopped at a rung, in the order of arrival."""
    decided = set(decisions["trial_key"])
    waits = (trials["epochs_done"] == rung) & (trials["status"] == Status.PAUSED)
    stopped = trials[trials["trial_key"].isin(decided) | (waits & ~trials["exempt"].astype(bool))]
    numbers = dict(zip(stopped["trial_key"], stopped["number"], strict=True))
    own = epochs[epochs["trial_key"].isin(numbers) & (epochs["epoch"] <= rung)]
    scores = own.groupby("trial_key")["selection_iou"].max()
    times = own[own["epoch"] == rung].groupby("trial_key")["at"].max()
    found = [_Arrival(str(key), float(scores[key]), int(numbers[key]), times[key]) for key in times.index]
    return sorted(found, key=lambda arrival: (arrival.at, arrival.number))


def _story(key: str, rung: int, arrivals: list[_Arrival], decisions: pd.DataFrame) -> RungStory:
    own = next(arrival for arrival in arrivals if arrival.key == key)
    rows: list[dict[Any, Any]] = decisions.to_dict(orient="records")
    # What an ended sweep pruned may be promoted when it is extended.
    own_rows = sorted((row for row in rows if row["trial_key"] == key), key=lambda row: row["kind"] == "promotion")
    mine = own_rows[-1] if own_rows else None
    promoted = mine is not None and mine["kind"] == "promotion"
    compared = arrivals
    if mine is not None and promoted:
        # Those that were there when it was promoted; the decision says how many.
        compared = arrivals[: int(mine["compared"])] if _known(mine["compared"]) else compared
        compared = compared if own in compared else [*compared[:-1], own]
    before = [row for row in rows if mine is None or not promoted or row["number"] < mine["number"]]
    gone = {str(row["trial_key"]) for row in before if row["kind"] == "promotion"}
    ranked = sorted(compared, key=lambda arrival: (-arrival.score, arrival.number))
    place = ranked.index(own)
    waiting = [arrival for arrival in ranked if arrival.key not in gone and arrival.key != key]
    allowed = int(mine["allowed"]) if mine is not None and _known(mine["allowed"]) else None
    needed = None if promoted else _needed(own, rows)
    return RungStory(
        rung=rung,
        score=own.score,
        rank=int(mine["rank"]) if mine is not None and _known(mine["rank"]) else place + 1,
        compared=int(mine["compared"]) if mine is not None and _known(mine["compared"]) else len(compared),
        allowed=allowed,
        promoted=promoted,
        reason=str(mine["reason"]) if mine is not None else f"waits at epoch {rung}",
        ahead=_neighbour(ranked, place - 1),
        behind=_neighbour(ranked, place + 1),
        best_waiting=_neighbour(waiting, 0),
        cut=_neighbour(ranked, allowed - 1) if allowed else None,
        needed=needed,
    )


def _needed(own: _Arrival, rows: list[dict[Any, Any]]) -> float | None:
    """Return the least score that was promoted after a trial arrived: a higher one of its would have gone first."""
    later = [row for row in rows if row["kind"] == "promotion" and row["at"] >= own.at and _known(row["score"])]
    # A lower score went on while the trial was still being stopped.
    scores = [float(row["score"]) for row in later if row["score"] >= own.score]
    return min(scores, default=None)


def _known(value: object) -> bool:
    # A number that is missing is NaN in a column of pandas.
    return value is not None and value == value


def _neighbour(ranked: list[_Arrival], place: int) -> Neighbour | None:
    if not 0 <= place < len(ranked):
        return None
    return Neighbour(trial_key=ranked[place].key, score=ranked[place].score)
