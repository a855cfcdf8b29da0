"""Finding a trial of a recorded sweep by what a person types."""

from __future__ import annotations

from runners.history import History
from runners.ledger import as_recorded, read_events
from runners.sweep_folder import SweepFolder
from runners.views import TrialView
from seatbelt.errors import UserError


def read_history(folder: SweepFolder) -> History:
    """Return what the ledger of a sweep tells.

    Raises:
        UserError: It cannot be read.
    """
    with as_recorded(folder):
        return History(read_events(folder))


def find_trial(history: History, key: str, root: str) -> TrialView:
    """Return the trial whose key begins with some digits.

    Raises:
        UserError: There is none, or more than one.
    """
    found = [view for view in history.by_number if view.key.startswith(key)]
    if len(found) != 1:
        what = "no trial" if not found else f"{len(found)} trials"
        raise UserError(f"{root} has {what} with key {key!r}; `seatbelt query {root} 'select trial_key from trials'`")
    return found[0]
