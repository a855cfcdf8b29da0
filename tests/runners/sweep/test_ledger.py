from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.core.event_json import from_json, to_json
from runners.core.events import ClockRead, Decided, EpochMeasured, Event, LegEnded
from runners.sweep.folder import SweepFolder
from runners.sweep.journal import read_events
from runners.sweep.ledger import Ledger, holder
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
        "import sys, time; from pathlib import Path; from runners.sweep.ledger import Ledger;"
        "from runners.sweep.folder import SweepFolder; ledger = Ledger(SweepFolder(Path(sys.argv[1])));"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder.root)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SweepHeldError, match=rf"is being written by process {other.pid} on .* `seatbelt stop"):
            Ledger(folder)
        assert holder(folder) is not None
        other.kill()
        other.wait()
        # A dead holder's lock is taken over at once.
        until = time.monotonic() + 5
        while holder(folder) is not None and time.monotonic() < until:
            time.sleep(0.01)
        write(folder, epoch(1))
    assert list(read_events(folder)) == [epoch(1)]
    assert holder(folder) is None


def test_events_survive_json() -> None:
    assert from_json(to_json(ClockRead(at=3.25))) == ClockRead(at=3.25)
    with pytest.raises(ValueError, match="unknown event type 'x'"):
        from_json({"type": "x"})
    with pytest.raises(ValueError, match="clock has no field 'why'"):
        from_json({"type": "clock", "at": 1, "why": 2})
