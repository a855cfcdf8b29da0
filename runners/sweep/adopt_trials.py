"""Taking over from another sweep what still holds in a new one: `--as-new`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from runners.core.events import EpochMeasured, Event, LegBegan, LegEnded, LegStarted, Planned
from runners.core.history import History
from runners.sweep.description import SweepDescription
from runners.sweep.folder import SweepFolder
from runners.sweep.ledger import Ledger, as_recorded, read_events
from seatbelt.config.trial import TrialConfig
from seatbelt.records.tables import Status
from seatbelt.storage.base import copy_files

_WHOLE = ("data", "selection", "select_on", "device", "threads", "code", "versions")
"""What every number of a sweep depends on: where one of these differs, nothing holds."""


def what_differs(old: SweepDescription, new: SweepDescription) -> list[str]:
    """Return the parts of two sweeps whose difference makes every row of the old one false in the new one."""
    return [name for name in _WHOLE if _content(old, name) != _content(new, name)]


def copy_what_holds(source: SweepFolder, target: SweepFolder) -> int:
    """Copy the complete trials of a sweep into the empty ledger of another; return how many.

    A trial holds if it has no stage, its weights are the same and it has trained for as many epochs as trials of the
    new sweep do. It becomes an arm when the new sweep's design comes to it.
    """
    old, new = source.describe(), target.describe()
    if what_differs(old, new):
        return 0
    source.check_links()
    with as_recorded(source):
        kept = _kept(History(read_events(source)), old, new)
    events: dict[str, list[Event]] = defaultdict(list)
    for event in read_events(source):
        key = getattr(event, "trial_key", None)
        if key in kept and isinstance(event, Planned | LegStarted | LegBegan | EpochMeasured | LegEnded):
            events[key].append(event)
    with Ledger(target) as ledger:
        for number, key in enumerate(kept):
            for event in events[key]:
                copied = isinstance(event, Planned)
                ledger.append(_as_copied(event, number) if copied else event)  # type: ignore[arg-type]
            copy_files(source.checkpoints(key), target.checkpoints(key))
    return len(kept)


def _kept(history: History, old: SweepDescription, new: SweepDescription) -> list[str]:
    events = []
    for view in history.by_number:
        model = TrialConfig.model_validate(view.plan.config).model
        weights = f"{model.encoder} {model.weights}"
        long_enough = view.epochs_done == new.base.epochs or view.stopped_early
        keys = weights in new.weights and new.weights[weights] == old.weights.get(weights)
        if view.status is Status.COMPLETE and view.plan.stage is None and long_enough and keys:
            events.append(view.key)
    return events


def _as_copied(event: Planned, number: int) -> Planned:
    return replace(event, role="copied", number=number, position=-1, exempt=True)


def _content(description: SweepDescription, name: str) -> object:
    if name == "data":
        return [(source.name, source.fingerprint) for source in description.data]
    return getattr(description, name)
