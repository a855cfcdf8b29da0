"""Damage each file of an interrupted sweep, one at a time, and let the next driver open the sweep."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.operations import Operations
from tests.faults.quick_sweep import Place, examine, in_child

WAYS = ("deleted", "emptied", "cut in half", "last byte cut", "first byte", "middle byte", "last byte")
"""The last three flip a bit of that byte."""

SOUND = ("recovered", "refused", "told when asked for")


def interrupted(root: Path, sound: Place, at: int) -> Place:
    """Leave a sweep whose driver was killed at one of its file operations."""
    place = Place(root / f"interrupted-{at}", sound.data)
    in_child(place, Operations(below=place.below, at=at, kind="before"))
    return place


def files(place: Place) -> list[Path]:
    """Return every file that matters to the next driver: all but locks and files that were half written."""
    candidates = (
        path for folder in place.below for path in folder.rglob("*") if path.is_file() and path.stat().st_size
    )
    return sorted(path for path in candidates if path.suffix not in (".part", ".lock"))


def damaged(place: Path, path: Path, way: str) -> None:
    """Damage a file."""
    data = bytearray(path.read_bytes())
    if way == "deleted":
        path.unlink()
        return
    if way.endswith("byte"):
        data[{"first": 0, "middle": len(data) // 2, "last": len(data) - 1}[way.split()[0]]] ^= 4
    path.write_bytes({"emptied": b"", "cut in half": data[: len(data) // 2], "last byte cut": data[:-1]}.get(way, data))


def examine_all(root: Path, sound: Place, at: int) -> tuple[Counter[str], list[str]]:
    """Damage each file in each way; return how often a driver recovered or refused, and what went wrong.

    Recovered: the final tables are those of an undisturbed sweep. Refused: one error that names the file and what to
    do, and nothing was changed. Anything else is wrong, for instance a driver that goes on silently with fewer results.
    """
    place = interrupted(root, sound, at)
    counts: Counter[str] = Counter()
    wrong = []
    for path, way in ((path, way) for path in files(place) for way in WAYS):
        outcome = one(root / "damaged", sound, place, path, way)
        counts[outcome if outcome in SOUND else "wrong"] += 1
        if outcome not in SOUND:
            wrong.append(f"operation {at}, {path.relative_to(place.root)} {way}: {outcome}")
    return counts, wrong


def one(copy: Path, sound: Place, place: Place, path: Path, way: str) -> str:
    """Damage one file in a copy of a sweep, resume it, and return the outcome."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place.root, copy)
    other = Place(copy, sound.data)
    target = copy / path.relative_to(place.root)
    damaged(copy, target, way)
    before = dict(_contents(other))
    code, said = in_child(other)
    if code == 0:
        wrong = examine(sound, other)
        if wrong is not None and wrong.startswith("weights lost") and path.parent.name in wrong:
            # The trial is finished and its numbers are recorded. Reading its weights reports the damage.
            return "told when asked for"
        return wrong or "recovered"
    if code != 1:
        return f"the driver ended with {code}: {said}"
    if target.name not in said:
        return f"the refusal does not name the file: {said}"
    if not any(word in said for word in ("restore", "remove", "move")):
        return f"the refusal does not say what to do: {said}"
    changed = [name for name, data in _contents(other) if before.get(name) != data and "holder" not in name]
    return f"the refusal changed {changed}" if changed else "refused"


def _contents(place: Place) -> Iterator[tuple[str, bytes]]:
    for path in files(place):
        yield path.relative_to(place.root).as_posix(), path.read_bytes()
