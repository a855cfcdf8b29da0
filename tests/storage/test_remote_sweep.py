"""A sweep in a bucket: what is published, who may write, and what a lost machine costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

from analysis import load, load_all
from analysis.answers.query import query
from analysis.answers.ranking import best
from runners import Sweep, sweep
from runners.core.events import ClockRead
from runners.sweep_files import lease as lease_module
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.sweep_files.lease import WriterLease
from runners.sweep_files.ledger import Ledger, holder
from runners.sweep_files.mirror import Mirror, read_journal
from runners.worker.messages import LegTask
from seatbelt.errors import SweepHeldError, UserError
from tests.command_line import Result, seatbelt
from tests.conftest import ROOT, MakeData
from tests.runners.conftest import describe, open_driver, work
from tests.runners.engines.test_engines import UNEQUAL
from tests.storage.server import BUCKET, Server


@pytest.fixture
def location(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}/sweep"


def at(number: int) -> ClockRead:
    return ClockRead(at=float(number))


def append(folder: SweepFolder, *numbers: int) -> None:
    with Ledger(folder) as ledger:
        ledger.append(*map(at, numbers))
        assert ledger.mirror is not None
        ledger.mirror.push()


def test_what_was_published_is_read_on_another_machine(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(SweepFolder(location), 1, 2)
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "another"))
    folder = SweepFolder(location)
    assert list(read_events(folder)) == [at(1), at(2)]
    append(folder, 3)
    assert list(read_events(folder)) == [at(1), at(2), at(3)]
    assert folder.storage.names("state") == [
        "state/journal/00000000000000000000.jsonl",
        f"state/journal/{folder.journal.stat().st_size // 3 * 2:020d}.jsonl",
    ]


def test_events_that_were_not_published_go_on_from_the_disk(location: str) -> None:
    append(SweepFolder(location), 1)
    with Ledger(SweepFolder(location)) as ledger:
        ledger.append(at(2))
    assert list(read_events(SweepFolder(location))) == [at(1)]
    with Ledger(SweepFolder(location)) as ledger:
        assert ledger.history_events == [at(1), at(2)]
        assert ledger.mirror is not None
        ledger.mirror.push()
    assert list(read_events(SweepFolder(location))) == [at(1), at(2)]


def test_a_returning_driver_moves_its_journal_aside(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(SweepFolder(location), 1)
    with Ledger(SweepFolder(location)) as ledger:
        ledger.append(at(2))
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "another"))
    append(SweepFolder(location), 3)
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    notes: list[str] = []
    folder = SweepFolder(location)
    with Ledger(folder, notes.append) as ledger:
        assert ledger.history_events == [at(1), at(3)]
    aside = list(folder.root.glob("state/journal-*.jsonl"))
    assert len(aside) == 1
    assert aside[0].name in notes[0]
    assert b'"at":2.0' in aside[0].read_bytes()


def test_two_drivers_never_publish_over_each_other(location: str) -> None:
    folder = SweepFolder(location)
    append(folder, 1)
    with Ledger(folder) as ledger:
        ledger.append(at(2))
        # Another driver has published first, unnoticed by this one.
        offset = len(read_journal(folder.storage))
        folder.storage.write(f"state/journal/{offset:020d}.jsonl", b"something else\n")
        assert ledger.mirror is not None
        with pytest.raises(SweepHeldError, match=f"another driver published events at byte {offset}"):
            ledger.mirror.push()


@pytest.mark.slow
def test_many_segments_become_one(location: str) -> None:
    folder = SweepFolder(location)
    with Ledger(folder) as ledger:
        assert ledger.mirror is not None
        for number in range(70):
            ledger.append(at(number))
            ledger.mirror.push()
    assert len(folder.storage.names("state/journal")) == 70
    before = read_journal(folder.storage)
    # A driver that is killed while it joins the parts leaves some of the old ones.
    folder.storage.write("state/journal/00000000000000000000.jsonl", before)
    assert read_journal(folder.storage) == before
    append(folder, 70)
    assert len(folder.storage.names("state/journal")) == 2
    assert list(read_events(folder)) == [at(number) for number in range(71)]


def test_a_missing_segment_is_named(location: str) -> None:
    folder = SweepFolder(location)
    append(folder, 1)
    append(folder, 2)
    folder.storage.remove("state/journal/00000000000000000000.jsonl")
    with pytest.raises(UserError, match=r"the segment before it is missing \(from byte 0\); restore it"):
        list(read_events(folder))


def test_one_driver_at_a_time(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(lease_module, "_LOOK_SECONDS", 0.1)
    storage = SweepFolder(location).storage
    first = WriterLease(storage)
    monkeypatch.setattr(lease_module, "_machine", lambda: "another machine")
    assert holder(SweepFolder(location)) is not None
    with pytest.raises(SweepHeldError, match=r"is being written by process \d+ on .*; wait for it, or end it with"):
        WriterLease(storage)
    first.release()
    assert holder(SweepFolder(location)) is None
    WriterLease(storage).release()


@pytest.mark.slow
def test_the_lease_of_a_driver_that_died_is_taken_over(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first one hangs: it renews nothing, but lives.
    monkeypatch.setattr(lease_module, "RENEW_SECONDS", 1000)
    monkeypatch.setattr(lease_module, "_LOOK_SECONDS", 0.05)
    storage = SweepFolder(location).storage
    first = WriterLease(storage)
    monkeypatch.setattr(lease_module, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(lease_module, "_machine", lambda: "another machine")
    notes: list[str] = []
    time.sleep(0.5)
    second = WriterLease(storage, notes.append)
    assert "it is taken over if it does not move for" in notes[0]
    first.renew()
    with pytest.raises(SweepHeldError, match="was taken over by process"):
        first.check()
    second.check()
    first.release()
    assert json.loads(storage.read("state/lease.json"))["machine"] == "another machine", "only its holder removes it"
    second.release()


def test_a_dead_process_of_this_machine_is_not_waited_for(location: str) -> None:
    code = (
        "import os, sys; from runners.sweep_files.lease import WriterLease\n"
        "from seatbelt.storage.base import open_storage\n"
        "WriterLease(open_storage(sys.argv[1])); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, location], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    storage = SweepFolder(location).storage
    assert storage.names("state") == ["state/lease.json"]
    assert holder(SweepFolder(location)) is None
    started = time.monotonic()
    WriterLease(storage).release()
    assert time.monotonic() - started < lease_module.LEASE_SECONDS / 2


def test_a_storage_that_does_not_answer_costs_nothing(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SweepFolder(location)
    notes: list[str] = []
    flushed: list[bool] = []
    with Ledger(folder, notes.append) as ledger:
        ledger.append(at(1))
        mirror = ledger.mirror
        assert mirror is not None
        monkeypatch.setattr(mirror, "_every", 0.0)

        def fails(name: str, data: bytes) -> bool:
            raise OSError("the network is unreachable")

        with monkeypatch.context() as broken:
            broken.setattr(folder.storage, "create", fails)
            mirror.push_if_due(lambda: flushed.append(True))
        assert flushed
        assert "nothing could be published (the network is unreachable); it is kept on this machine" in notes[-1]
        mirror.push_if_due(lambda: None)
    assert list(read_events(folder)) == [at(1)]


def test_a_checkpoint_whose_trial_was_never_published_is_no_damage(location: str) -> None:
    """A machine was lost with its disk between the two publications."""
    folder = SweepFolder(location)
    folder.create(describe())
    folder.checkpoints("0123456789ab").write("epoch-000001.json", b"{}")
    with open_driver(folder) as driver:
        assert driver.history.trials == {}
        assert isinstance(driver.next(), LegTask)


def test_a_journal_that_is_shorter_than_its_tables_is_refused(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SweepFolder(location)
    folder.create(describe())
    with open_driver(folder) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        work(driver, step)
    for name in folder.storage.names("state/journal"):
        folder.storage.remove(name)
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "another"))
    with pytest.raises(UserError, match="holds 0 decisions, but their table has 1: its end is missing"):
        open_driver(SweepFolder(location))


def test_publishing_waits_for_its_time(location: str) -> None:
    folder = SweepFolder(location)
    with Ledger(folder) as ledger:
        ledger.append(at(1))
        assert isinstance(ledger.mirror, Mirror)
        ledger.mirror.push_if_due(lambda: pytest.fail("it is not time yet"))
    assert list(read_events(folder)) == []


def on_machine(cache: Path, *arguments: str) -> Result:
    """Run a command as on the machine that has this cache folder; it must succeed."""
    with mock.patch.dict(os.environ, SEATBELT_CACHE=str(cache)):
        result = seatbelt(*arguments)
    assert result.code == 0, result.text
    return result


def frame(location: str | Path, name: str) -> pd.DataFrame:
    rows: Any = getattr(load(location), name).drop(columns=[*UNEQUAL], errors="ignore")
    return rows.sort_values([c for c in ("trial_key", "epoch", "image") if c in rows], ignore_index=True)


@pytest.mark.slow
def test_a_sweep_continues_from_the_bucket_when_its_machine_is_lost(
    make_data: MakeData, location: str, tmp_path: Path
) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    place, name = location.rsplit("/", 1)
    space = ["--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none", "--max-epochs", "3"]
    shared = ["sweep", "architecture", "--data", str(data), *space, "--engine", "in-process"]
    on_machine(tmp_path / "one", *shared, "--out", str(tmp_path), "--name", "local")
    there = [*shared, "--out", place, "--name", name]
    begun = on_machine(tmp_path / "one", *there, "--epochs", "3", "--checkpoint-share", "1")
    assert f"seatbelt best {location}" in begun.err
    assert len(frame(location, "epochs")) == 3
    again = on_machine(tmp_path / "two", *there, "--epochs", "100")
    assert "resumed: 1 trial and 3 epochs are recorded" in again.err
    for table in ("trials", "epochs", "images"):
        pd.testing.assert_frame_equal(frame(tmp_path / "local", table), frame(location, table), check_exact=True)
    ranking = best(load(location))
    assert [arm.arm_key for arm in ranking.arms] == [arm.arm_key for arm in best(load(tmp_path / "local")).arms]
    assert query(load(location), "select count(*) from epochs")[1] == [(6,)]
    both = load_all([location, tmp_path / "local"])
    counted = query(both, "select sweep, count(*) from epochs group by 1 order by 1")[1]
    assert counted == sorted([(name, 6), ("local", 6)])
    assert len(best(both).arms) == 2 * len(ranking.arms)
    assert "2 COMPLETE" in on_machine(tmp_path / "three", "status", location).out
    on_machine(tmp_path / "three", "best", location, "--by", "test")
    read = on_machine(tmp_path / "three", "reproduce", location, ranking.arms[0].trial_key, "--epochs", "1")
    assert "every number is the same" in read.out, read.err
    stopped = on_machine(tmp_path / "three", "stop", location)
    assert "nobody is writing" in stopped.out
    assert not (Path.cwd() / "s3:").exists()


@pytest.mark.slow
def test_a_sweep_in_a_bucket_from_python(location: str, make_data: MakeData) -> None:
    out, _, name = location.rpartition("/")
    running = sweep(
        "architecture",
        data=make_data(),
        set={"encoder": ["lite0"], "decoder": ["fpn"]},
        fix={"weights": "none"},
        max_epochs=1,
        engine="in-process",
        out=out,
        name=name,
    )
    assert running.wait().root == location
    attached = Sweep(location)
    assert (attached.status().state, len(attached.trials), attached.stop()) == ("finished", 1, True)
    assert attached.model("best").record.architecture.decoder == "fpn"
