"""Adopts trials of another sweep that still hold in a new one: `--as-new`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from runners.core.events import EpochMeasured, Event, LegBegan, LegEnded, LegStarted, Planned
from runners.core.history import History
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from runners.sweep_files.ledger import Ledger
from seatbelt.config.trial import TrialConfig
from seatbelt.records.tables import Status
from seatbelt.storage.base import copy_files

_WHOLE = ("data", "selection", "select_on", "device", "threads", "code", "versions")
"""Every number of a sweep depends on these fields: if one differs, no trial holds."""


def differing_fields(old: SweepDescription, new: SweepDescription) -> list[str]:
    """Return the fields whose difference makes every row of the old sweep false in the new one."""
    return [name for name in _WHOLE if _content(old, name) != _content(new, name)]


def adopt_trials(source: SweepFolder, target: SweepFolder) -> int:
    """Copy the complete trials that hold into the empty ledger of another sweep; return their number.

    A trial holds if it has no stage, starts from the same weights, and has trained as long as trials of the new sweep
    do. It becomes an arm when the design of the new sweep reaches it.
    """
    old, new = source.describe(), target.describe()
    if differing_fields(old, new):
        return 0
    source.check_links()
    with as_recorded(source):
        keys = _adoptable(History(read_events(source)), old, new)
    events: dict[str, list[Event]] = defaultdict(list)
    for event in read_events(source):
        key = getattr(event, "trial_key", None)
        if key in keys and isinstance(event, Planned | LegStarted | LegBegan | EpochMeasured | LegEnded):
            events[key].append(event)
    with Ledger(target) as ledger:
        for number, key in enumerate(keys):
            for event in events[key]:
                ledger.append(_as_copied(event, number) if isinstance(event, Planned) else event)
            copy_files(source.checkpoints(key), target.checkpoints(key))
    return len(keys)


def _adoptable(history: History, old: SweepDescription, new: SweepDescription) -> list[str]:
    """Return the keys of the trials that hold."""
    keys = []
    for view in history.by_number:
        model = TrialConfig.model_validate(view.plan.config).model
        weights = f"{model.encoder} {model.weights}"
        long_enough = view.epochs_done == new.base.epochs or view.stopped_early
        same_weights = weights in new.weights and new.weights[weights] == old.weights.get(weights)
        if view.status is Status.COMPLETE and view.plan.stage is None and long_enough and same_weights:
            keys.append(view.key)
    return keys


def _as_copied(event: Planned, number: int) -> Planned:
    return replace(event, role="copied", number=number, position=-1, exempt=True)


def _content(description: SweepDescription, name: str) -> object:
    if name == "data":
        return [(source.name, source.fingerprint) for source in description.data]
    return getattr(description, name)
