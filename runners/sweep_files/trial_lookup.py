"""Looks up a trial of a recorded sweep by what a user types."""

from __future__ import annotations

from analysis import load
from analysis.answers.ranking import best_trial
from analysis.reading.lookup import TrialName
from analysis.reading.lookup import find_trial as find_trial_key
from runners.core.history import History
from runners.core.trial_state import TrialState
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from seatbelt.errors import UserError
from seatbelt.records.names import trial_name


def read_history(folder: SweepFolder) -> History:
    """Return the history of a sweep.

    Raises:
        UserError: Its journal cannot be read.
    """
    with as_recorded(folder):
        return History(read_events(folder))


def find_trial(history: History, word: str, root: str) -> TrialState:
    """Return the trial that a word names: its number such as `[7]` or `7`, `best`, or the first digits of its key.

    Every command that takes a trial calls it (those that only read tables: `analysis.reading.lookup.find_trial`).

    Args:
        history: The history of the sweep.
        word: What the user typed.
        root: The location of the sweep.

    Raises:
        UserError: No trial fits, or several do; the message lists them.
    """
    names = [
        TrialName(
            number=view.plan.number,
            trial_key=view.key,
            arm_key=view.plan.arm_key,
            name=trial_name(view.plan.cell, view.plan.replicate, view.role),
        )
        for view in history.by_number
    ]
    try:
        key = find_trial_key(names, word, lambda: best_trial(load(root)))
    except UserError as error:
        raise UserError(f"{root}: {error}") from None
    return history.trials[key]
