"""Which sweeps have comparable scores: those with one selection set, one target and one resolution."""

from __future__ import annotations

from typing import Any

from analysis.reading.tables import Source, SweepTables, readable


def different_selections(source: Source) -> str | None:
    """Return in one line which sweeps do not compare, None where all do.

    Raises:
        UserError: A `sweep.json` holds what no sweep writes.
    """
    groups: dict[object, list[tuple[str, SweepTables]]] = {}
    for name, sweep in source.parts:
        with readable(sweep):
            groups.setdefault(_selection(sweep.description), []).append((name or sweep.name, sweep))
    if len(groups) < 2:
        return None
    kinds = "; ".join(
        f"{_kind_text(members[0][1])}: {', '.join(name for name, _ in members)}" for members in groups.values()
    )
    return (
        f"the sweeps are scored on different selection sets ({kinds}), so that their scores do not compare; "
        "give sweeps of one set, or --mixed"
    )


def _selection(description: dict[str, Any]) -> object:
    """Return what a score is measured on: images by the content of their data set, their size, the class scored."""
    data = description.get("data", [])
    images = frozenset((data[number]["fingerprint"], row) for number, row in description.get("selection", []))
    return images, _target(description), _size(description)


def _kind_text(sweep: SweepTables) -> str:
    with readable(sweep):
        data, chosen = sweep.description.get("data", []), sweep.description.get("selection", [])
        names = " and ".join(dict.fromkeys(str(data[number]["name"]) for number, _ in chosen))
        size = _size(sweep.description)
        at = f" at {size}" if size else ""
        return f"{len(chosen)} images of {names or 'unknown data'}{at}, target {_target(sweep.description)}"


def _target(description: dict[str, Any]) -> str:
    return str(description.get("base", {}).get("data", {}).get("target", "unknown"))


def _size(description: dict[str, Any]) -> str:
    data = description.get("base", {}).get("data", {})
    return f"{data['height']}x{data['width']}" if {"height", "width"} <= data.keys() else ""
