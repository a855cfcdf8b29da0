"""Damage to every file that an interrupted sweep left, one file at a time, and what the next driver makes of it."""

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
    """Return every file that matters to the next driver: not what was only half written, nor locks."""
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
    do, and nothing was changed. Anything else is wrong: a driver that goes on silently with less than there was.
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
    """Damage one file of a copy of a sweep, go on with it, and tell what came of it."""
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
            # A finished trial's own weights: its numbers are recorded, and whoever asks for the weights is told.
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
