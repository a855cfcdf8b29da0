"""Looks up a trial of a recorded sweep by what a user types."""

from __future__ import annotations

from analysis import load
from analysis.answers.ranking import best
from analysis.reading.lookup import find_trial as name_to_key
from runners.core.history import History
from runners.core.trial_state import TrialState
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from seatbelt.errors import UserError


def read_history(folder: SweepFolder) -> History:
    """Return the history of a sweep.

    Raises:
        UserError: Its journal cannot be read.
    """
    with as_recorded(folder):
        return History(read_events(folder))


def find_trial(history: History, name: str, root: str) -> TrialState:
    """Return the trial of a name: its number such as `[7]`, `best`, or the first digits of its key.

    Raises:
        UserError: No trial fits, or several do.
    """
    numbers = {view.plan.number: view.key for view in history.by_number}
    arms = {view.key: view.plan.arm_key for view in history.by_number}
    try:
        key = name_to_key(numbers, arms, name, lambda: best(load(root), top=1).arms[0].trial_key)
    except UserError as error:
        raise UserError(f"{root}: {error}") from None
    return history.trials[key]
