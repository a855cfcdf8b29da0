"""Which sweeps have comparable scores: those with one selection set, one target and one resolution."""

from __future__ import annotations

from analysis.reading.tables import Source, readable
from seatbelt.records.sweep import SweepRecord


def different_selections(source: Source) -> str | None:
    """Return one line that says which sweeps are not comparable; None if all are.

    Raises:
        UserError: A `sweep.json` holds values that no sweep writes.
    """
    groups: dict[object, list[tuple[str, SweepRecord]]] = {}
    for name, sweep in source.parts:
        with readable(sweep):
            groups.setdefault(_selection(sweep.record), []).append((name or sweep.name, sweep.record))
    if len(groups) < 2:
        return None
    kinds = "; ".join(
        f"{_selection_text(members[0][1])}: {', '.join(name for name, _ in members)}" for members in groups.values()
    )
    return (
        f"the sweeps are scored on different selection sets ({kinds}), so that their scores do not compare; "
        "give sweeps of one set, or --mixed"
    )


def target_of(record: SweepRecord) -> str:
    """Return the class that a sweep scores."""
    return str(record.base.get("data", {}).get("target", "unknown"))


def _selection(record: SweepRecord) -> object:
    """Return what a score is measured on: the images (by the content of their data set), their size, the target."""
    images = frozenset((record.data[number].fingerprint, row) for number, row in record.selection)
    return images, target_of(record), _size(record)


def _selection_text(record: SweepRecord) -> str:
    names = " and ".join(dict.fromkeys(record.data[number].name for number, _ in record.selection))
    size = _size(record)
    at = f" at {size}" if size else ""
    return f"{len(record.selection)} images of {names or 'unknown data'}{at}, target {target_of(record)}"


def _size(record: SweepRecord) -> str:
    data = record.base.get("data", {})
    return f"{data['height']}x{data['width']}" if {"height", "width"} <= data.keys() else ""
