"""A driver whose files were removed or changed, or whose sweep another one took over, stops and writes nothing more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runners.core.events import ClockRead
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.sweep_files.ledger import Ledger, holder
from seatbelt.errors import SweepHeldError
from tests.runners.conftest import epoch_message, open_driver


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    os.replace(copy, path)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


REMOVED = {
    "the journal": lambda folder: folder.journal.unlink(),
    "its folder": lambda folder: shutil.rmtree(folder.journal.parent),
    "the sweep": lambda folder: shutil.rmtree(folder.root),
}
CHANGED = {
    "the journal is replaced": lambda folder: replace(folder.journal),
    "the journal grows": lambda folder: grow(folder.journal),
    "the journal is emptied": lambda folder: os.truncate(folder.journal, 0),
    "the lock is removed": lambda folder: folder.lock.unlink(),
    "the lock is replaced": lambda folder: replace(folder.lock),
}


@pytest.mark.parametrize("remove", REMOVED.values(), ids=REMOVED.keys())
def test_removed_files_end_the_session(folder: SweepFolder, remove: Callable[[SweepFolder], None]) -> None:
    driver = open_driver(folder)
    spec = driver.next()
    remove(folder)
    left = sorted(folder.root.rglob("*"))
    with pytest.raises(OSError, match=r"files of .* were removed while this driver wrote to it"):
        driver.handle(spec, epoch_message(1, 0.5))
    with pytest.raises(OSError, match="were removed"):
        driver.tick()
    driver.close()
    assert sorted(folder.root.rglob("*")) == left, "nothing is written into what somebody removed"


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED.keys())
def test_changed_files_end_the_session(folder: SweepFolder, change: Callable[[SweepFolder], None]) -> None:
    driver = open_driver(folder)
    spec = driver.next()
    change(folder)
    left = {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()}
    with pytest.raises(
        SweepHeldError, match=r"another driver or program writes to .*; this one stops and writes nothing"
    ):
        driver.handle(spec, epoch_message(1, 0.5))
    driver.close()
    assert {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()} == left


def test_an_idle_driver_notices_too(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = open_driver(folder)
    driver.next()
    folder.lock.unlink()
    monkeypatch.setattr("runners.sweep_files.requests._POLL_SECONDS", 0.0)
    driver._requests._every = 0.0
    with pytest.raises(SweepHeldError, match="was removed or replaced"):
        driver.tick()
    driver.close()


def test_of_two_drivers_the_second_continues_and_the_journal_stays_whole(folder: SweepFolder) -> None:
    # Two processes: a POSIX lock does not keep a process from itself.
    first = Ledger(folder)
    first.append(ClockRead(at=1.0))
    folder.lock.unlink()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            second = Ledger(folder)
            second.append(ClockRead(at=2.0))
            code = 0
        finally:
            os.write(writing, b"x")
            os._exit(code)
    os.read(reading, 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(SweepHeldError):
        first.append(ClockRead(at=3.0))
    first.close()
    assert list(read_events(folder)) == [ClockRead(at=1.0), ClockRead(at=2.0)]
    with Ledger(folder) as third:
        third.append(ClockRead(at=4.0))
    assert len(list(read_events(folder))) == 3


def test_the_holder_of_a_sweep_is_read_without_a_right_to_write(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(folder):
        pass
    opened: list[str] = []
    plain = Path.open

    def watched(path: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        opened.append(mode)
        return plain(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", watched)
    assert holder(folder) is None
    assert opened == ["rb"]
    folder.lock.unlink()
    os.mkfifo(folder.lock)
    assert holder(folder) is None, "a pipe in its place is not waited for"
