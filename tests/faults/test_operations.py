"""At each file operation the process dies or the operation fails; resumed, the sweep ends as an undisturbed one."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.damage import SOUND, WAYS, examine_all, files, interrupted, one
from tests.faults.operations import CRASHES, FAILURES
from tests.faults.quick_sweep import Place, disturbed, undisturbed

Done = list[tuple[str, str]]

DURABLE = (
    *(
        "runners/sweep_files/ledger.py",
        "runners/sweep_files/tables.py",
        "runners/sweep_files/stage_store.py",
        "runners/sweep_files/folder.py",
    ),
    *(
        "runners/sweep_files/weight_retention.py",
        "seatbelt/storage/base.py",
        "seatbelt/training/checkpoint.py",
        "seatbelt/data/loading/decoded_cache.py",
    ),
)
"""Where a sweep writes what must survive."""

WRITING = {
    *("write", "write_bytes", "write_text", "truncate", "ftruncate", "fsync", "replace", "rename", "link"),
    *("unlink", "remove", "mkdir", "rmdir", "rmtree", "touch", "copytree", "copy", "open_memmap"),
}

NOT_FILES = {
    ("runners/sweep_files/ledger.py", "close"): "removes through the storage",
    ("runners/sweep_files/ledger.py", "_give_up"): "only after a failure",
    ("runners/sweep_files/tables.py", "empty_tables"): "writes through the storage",
    ("runners/sweep_files/stage_store.py", "publish"): "writes through the storage",
    ("runners/sweep_files/folder.py", "note_test_read"): "writes through the storage",
    ("runners/sweep_files/folder.py", "request_stop"): "writes through the storage",
    ("runners/sweep_files/folder.py", "forget_stop"): "removes through the storage",
    ("runners/sweep_files/folder.py", "replace"): "writes through the storage",
    ("seatbelt/storage/base.py", "copy_files"): "writes through the storage",
    ("seatbelt/storage/base.py", "swap"): "writes by `write`; its lock is no state",
    ("seatbelt/training/checkpoint.py", "save"): "writes through the storage",
    ("seatbelt/training/checkpoint.py", "keep_best_only"): "writes through the storage",
    ("seatbelt/training/checkpoint.py", "_write_tensors"): "writes through the storage",
    ("seatbelt/training/checkpoint.py", "_remove_except"): "removes through the storage",
}
"""Functions that call something of these names and yet do no operation of their own, and why."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Place, Done]:
    root = tmp_path_factory.mktemp("operations")
    return root, *undisturbed(root)


def first_of_each(done: Done) -> list[int]:
    """Return the number of the first operation of each kind at each place."""
    return sorted({entry: number for number, entry in reversed(list(enumerate(done, start=1)))}.values())


def test_every_place_that_writes_is_among_them(sound: tuple[Path, Place, Done]) -> None:
    _, _, done = sound
    seen = {tuple(place.split(":")) for _, place in done}
    missing = set()
    for module in DURABLE:
        tree = ast.parse((ROOT / module).read_text())
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            called = {node.func.attr for node in calls(function) if isinstance(node.func, ast.Attribute)}
            if called & WRITING and (module, function.name) not in seen:
                missing.add((module, function.name))
    assert missing == set(NOT_FILES), "a place that writes is not disturbed"


def calls(function: ast.FunctionDef) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call)]


@pytest.mark.slow
def test_some_operations_go_wrong(sound: tuple[Path, Place, Done]) -> None:
    root, place, done = sound
    chosen = random.Random(1).sample(first_of_each(done), 16)
    wrong = {}
    for position, number in enumerate(chosen):
        kind = (*CRASHES, *FAILURES)[position % 7]
        wrong[number, done[number - 1], kind] = disturbed(root, place, number, kind)
    assert not {entry: what for entry, what in wrong.items() if what is not None}


@pytest.mark.long
@pytest.mark.parametrize("kind", [*CRASHES, *FAILURES])
def test_each_kind_of_operation_at_each_place_goes_wrong(sound: tuple[Path, Place, Done], kind: str) -> None:
    root, place, done = sound
    wrong = {number: disturbed(root, place, number, kind) for number in first_of_each(done)}
    assert not {(number, done[number - 1]): what for number, what in wrong.items() if what is not None}


@pytest.mark.slow
def test_some_damaged_files(sound: tuple[Path, Place, Done]) -> None:
    root, place, done = sound
    left = interrupted(root, place, len(done) // 2)
    chosen = random.Random(2).sample([(path, way) for path in files(left) for way in WAYS], 16)
    outcomes = {(path.name, way): one(root / "damaged", place, left, path, way) for path, way in chosen}
    assert not {entry: what for entry, what in outcomes.items() if what not in SOUND}


@pytest.mark.long
def test_each_file_is_damaged_in_each_way(sound: tuple[Path, Place, Done]) -> None:
    root, place, done = sound
    counts, wrong = examine_all(root, place, len(done) * 5 // 6)
    assert not wrong
    assert counts["recovered"] > 50
    assert counts["refused"] > 5
