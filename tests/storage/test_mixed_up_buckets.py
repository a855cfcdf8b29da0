"""A bucket whose files belong to two sweeps, or to another one than before."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from runners.core.events import SessionOpened
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.sweep_files.ledger import Ledger
from runners.sweep_files.mirror import read_journal
from seatbelt.errors import UserError
from tests.runners.conftest import describe
from tests.storage.server import BUCKET, Server


@pytest.fixture
def location(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}/sweep"


def session(identity: str) -> SessionOpened:
    return SessionOpened(session="s", host="h", pid=1, limits={}, at=1.0, sweep=identity)


def published(location: str, identity: str, *moments: str) -> SweepFolder:
    folder = SweepFolder(location)
    if not folder.exists():
        folder.replace(describe().model_copy(update={"identity": identity}))
    with Ledger(folder) as ledger:
        ledger.append(*(session(identity) for _ in moments))
        assert ledger.mirror is not None
        ledger.mirror.push()
    return folder


def test_a_segment_of_another_sweep_in_a_bucket(location: str) -> None:
    one = published(location, "1" * 16, "a")
    published(location, "1" * 16, "b")
    other = published(f"{location}-other", "2" * 16, "a")
    first, second = one.storage.names("state/journal")
    assert one.storage.read(first).startswith(b"sweep 1111111111111111\n")
    one.storage.write(second, other.storage.read(other.storage.names("state/journal")[0]))
    for read in (lambda: list(read_events(SweepFolder(location))), lambda: Ledger(SweepFolder(location))):
        with pytest.raises(UserError, match=rf"{second} belongs to another sweep \({'2' * 16}, this one is {'1' * 16}"):
            read()


def test_a_bucket_that_was_emptied_gets_nothing_of_the_copy(location: str) -> None:
    old = published(location, "1" * 16, "a", "b")
    (old.root / "trials").mkdir(exist_ok=True)
    (old.root / "trials" / "part-00009.parquet").write_bytes(b"of the old sweep")
    old.storage.clear()
    notes: list[str] = []
    new = SweepFolder(location)
    new.replace(describe().model_copy(update={"identity": "2" * 16}))
    with Ledger(new, notes.append) as ledger:
        assert ledger.history_events == []
        ledger.append(session("2" * 16))
        assert ledger.mirror is not None
        ledger.mirror.push()
    assert "belongs to another sweep" in notes[0]
    aside = list((new.root / "aside").glob("*/state/journal.jsonl"))
    assert len(aside) == 1
    assert aside[0].read_bytes().count(b"1" * 16) == 2
    assert new.storage.names("trials") == []
    assert read_journal(new.storage).count(b"2" * 16) == 1
