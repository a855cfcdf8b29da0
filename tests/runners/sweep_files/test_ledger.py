from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.core.event_json import from_json, to_json
from runners.core.events import ClockRead, Decided, EpochMeasured, Event, LegEnded
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.sweep_files.ledger import Ledger, holder
from seatbelt.errors import SweepHeldError, UserError


def epoch(number: int) -> EpochMeasured:
    return EpochMeasured(
        trial_key="abcdefabcdef", attempt=1, epoch=number, score=0.1 * number, metrics={"train_loss": 1e-17}, at=5.5
    )


def write(folder: SweepFolder, *events: Event) -> None:
    with Ledger(folder) as ledger:
        ledger.append(*events)


def test_what_was_appended_is_read_again(folder: SweepFolder) -> None:
    events: list[Event] = [
        epoch(1),
        Decided(kind="prune", by="asha", reason='because, "quoted"\n', trial_key="abcdefabcdef", score=0.1),
        LegEnded(trial_key="abcdefabcdef", attempt=1, outcome="paused", epoch=1, at=7.0, images=[{"iou": 0.1}]),
    ]
    write(folder, *events[:1])
    write(folder, *events[1:])
    assert list(read_events(folder)) == events


@pytest.mark.slow
@given(cut=st.integers(1, 200))
def test_a_torn_last_line_is_cut_off(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = SweepFolder(tmp_path_factory.mktemp("sweep"))
    write(folder, epoch(1), epoch(2))
    whole = folder.journal.read_bytes()
    write(folder, epoch(3))
    last = len(folder.journal.read_bytes()) - len(whole)
    folder.journal.write_bytes(folder.journal.read_bytes()[: -min(cut, last)])
    assert list(read_events(folder)) == [epoch(1), epoch(2)]
    write(folder, epoch(4))
    assert list(read_events(folder)) == [epoch(1), epoch(2), epoch(4)]


@pytest.mark.parametrize("position", [3, 40, 120])
def test_damage_before_the_end_is_refused(folder: SweepFolder, position: int) -> None:
    write(folder, epoch(1), epoch(2), epoch(3))
    content = bytearray(folder.journal.read_bytes())
    content[position] ^= 1
    folder.journal.write_bytes(bytes(content))
    with pytest.raises(
        UserError, match=r"journal.jsonl is damaged at line 1 \(byte 0\).* restore the file from a backup"
    ):
        list(read_events(folder))
    with pytest.raises(UserError, match="is damaged at line 1"):
        Ledger(folder)
    assert folder.journal.read_bytes() == bytes(content), "a refusal changes nothing"


def test_a_second_writer_is_refused_by_name(folder: SweepFolder) -> None:
    code = (
        "import sys, time; from pathlib import Path; from runners.sweep_files.ledger import Ledger;"
        "from runners.sweep_files.folder import SweepFolder; ledger = Ledger(SweepFolder(Path(sys.argv[1])));"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder.root)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SweepHeldError, match=rf"is being written by process {other.pid} on .* `seatbelt stop"):
            Ledger(folder)
        assert holder(folder) == f"process {other.pid} on {socket.gethostname()} (for 0 min)"
        (folder.lock.parent / "holder.json").unlink()
        assert holder(folder) == "another process"
        other.kill()
        other.wait()
        # A dead holder's lock is taken over at once.
        until = time.monotonic() + 5
        while holder(folder) is not None and time.monotonic() < until:
            time.sleep(0.01)
        write(folder, epoch(1))
    assert list(read_events(folder)) == [epoch(1)]
    assert holder(folder) is None


def test_a_torn_line_stays_until_something_is_appended(folder: SweepFolder) -> None:
    write(folder, epoch(1))
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole + b'{"type": "epo')
    with Ledger(folder):
        pass
    assert folder.journal.read_bytes() == whole + b'{"type": "epo'
    with Ledger(folder) as ledger:
        assert ledger.history_events == [epoch(1)]
        ledger.append(epoch(2))
        ledger.append(epoch(3))
    assert list(read_events(folder)) == [epoch(1), epoch(2), epoch(3)]
    assert folder.journal.read_bytes().startswith(whole)


def test_a_failed_write_leaves_nothing_and_ends_the_ledger(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write(folder, epoch(1))
    before = folder.journal.read_bytes()
    expected = re.escape(
        f"{folder.journal} cannot be written (No space left on device); what was recorded before is safe: mend that, "
        f"then `seatbelt resume {folder.name}`"
    )
    with Ledger(folder) as ledger:
        monkeypatch.setattr("runners.sweep_files.ledger.os.fsync", fail)
        with pytest.raises(OSError, match=f"^{expected}$"):
            ledger.append(epoch(2))
        monkeypatch.undo()
        with pytest.raises(OSError, match=f"^{expected}$"):
            ledger.append(epoch(3))
        assert not ledger.is_lost, "the sweep still belongs to this driver"
    assert folder.journal.read_bytes() == before
    assert holder(folder) is None
    assert not (folder.lock.parent / "holder.json").exists()
    write(folder, epoch(2))
    assert list(read_events(folder)) == [epoch(1), epoch(2)]


def test_a_sweep_without_a_folder_gets_one_and_an_empty_journal_has_no_event(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "a" / "b")
    folder.journal.parent.mkdir(parents=True)
    folder.journal.touch()
    assert holder(folder) is None, "nobody ever wrote to it"
    with Ledger(folder) as ledger:
        assert ledger.history_events == []
        ledger.append(epoch(1))
    assert list(read_events(folder)) == [epoch(1)]
    with Ledger(SweepFolder(tmp_path / "c" / "d")) as ledger:
        ledger.append(epoch(1))


def replace(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    # Another file first, so that the new one cannot get the old one's number.
    path.with_suffix(".other").touch()
    path.write_bytes(content)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("victim", "change", "error", "reason"),
    [
        ("journal", Path.unlink, OSError, r"removed while this driver wrote to it \(.*No such file .*journal.jsonl'\)"),
        ("journal", replace, SweepHeldError, r"journal.jsonl is another file than the one that this driver opened"),
        ("journal", lengthen, SweepHeldError, r"journal.jsonl has \d+ bytes instead of \d+"),
        ("lock", Path.unlink, SweepHeldError, r"lock was removed or replaced"),
        ("lock", replace, SweepHeldError, r"lock was removed or replaced"),
    ],
)
def test_a_writer_that_lost_its_files_stops_for_good(
    folder: SweepFolder, victim: str, change: Callable[[Path], None], error: type[Exception], reason: str
) -> None:
    with Ledger(folder) as ledger:
        ledger.append(epoch(1))
        assert not ledger.is_lost
        change(getattr(folder, victim))
        for _ in range(2):
            with pytest.raises(error, match=reason) as refusal:
                ledger.append(epoch(2))
        assert ledger.is_lost
    advice = {
        OSError: "restore them from a backup, or begin the sweep again under another --name",
        SweepHeldError: f"once no driver runs, `seatbelt resume {folder.name}` continues",
    }
    assert str(refusal.value).endswith(f"nothing more; {advice[error]}")
    assert (folder.lock.parent / "holder.json").exists(), "it may be another driver's"


def test_events_survive_json() -> None:
    assert from_json(to_json(ClockRead(at=3.25))) == ClockRead(at=3.25)
    with pytest.raises(ValueError, match="unknown event type 'x'"):
        from_json({"type": "x"})
    with pytest.raises(ValueError, match="clock has no field 'why'"):
        from_json({"type": "clock", "at": 1, "why": 2})


def test_who_asks_in_the_process_of_the_writer_does_not_release_its_lock(folder: SweepFolder) -> None:
    with Ledger(folder):
        assert holder(folder) == f"process {os.getpid()} on {socket.gethostname()} (for 0 min)"
        with pytest.raises(SweepHeldError, match=f"is being written by process {os.getpid()} "):
            Ledger(folder)
        code = (
            "import sys; from runners.sweep_files.ledger import Ledger, SweepFolder; Ledger(SweepFolder(sys.argv[1]))"
        )
        other = subprocess.run([sys.executable, "-c", code, folder.name], capture_output=True, text=True)
        assert "SweepHeldError" in other.stderr
    assert holder(folder) is None
    Ledger(folder).close()
