"""Machines that misbehave: a worker that hangs, data that disappear, a disk that fills up, a clock that jumps."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.engines import in_process
from runners.engines.watchdog import Pauses, Watchdog
from runners.session.driver import Driver
from runners.sweep_files.journal import read_events
from runners.worker.messages import LegMessage, LegResult, LegTask
from seatbelt.errors import UserError
from tests.conftest import ROOT
from tests.faults.quick_sweep import Place, examine, in_child, make_data, run, undisturbed
from tests.runners.conftest import epoch_message

_HANG = """
import ctypes, sys, time
from runners.engines.watchdog import Watchdog
with Watchdog(0.5).step():
    {hang}
print("it came back")
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return undisturbed(tmp_path_factory.mktemp("sound"))[0]


@pytest.fixture
def place(tmp_path: Path, sound: Place) -> Place:
    return Place(tmp_path / "place", make_data(tmp_path / "data"))


@pytest.mark.parametrize("hang", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"])
def test_a_worker_that_hangs_ends_itself(hang: str) -> None:
    """The second hang keeps the interpreter's lock, as a library that never returns does."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _HANG.format(hang=hang)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=50,
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr and "most recent call first" in done.stderr
    assert time.monotonic() - started < 40


def test_the_limit_follows_the_longest_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watchdog = Watchdog(7200)
    assert watchdog.seconds == 7200, "the first step may build a cache"
    with watchdog.step():
        now += 60
    assert watchdog.seconds == 1200
    with watchdog.step():
        now += 1
    assert watchdog.seconds == 1200
    with Watchdog(100).step():
        pass
    assert Watchdog(100).seconds == 100


def test_pauses_double_while_a_machine_reports_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps: list[float] = []
    monkeypatch.setattr(time, "sleep", sleeps.append)
    pauses = Pauses()
    for _ in range(12):
        pauses.after(LegResult(outcome="fault"))
    assert sleeps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    pauses.after(epoch_message(1, 0.5))
    pauses.after(LegResult(outcome="paused"))
    pauses.after(LegResult(outcome="fault"))
    assert sleeps[-1] == 1


def test_data_that_disappear_end_the_session_and_no_trial(
    place: Place, sound: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    began = time.monotonic()
    monkeypatch.setattr(time, "sleep", taken.append)
    monkeypatch.setattr(Driver, "_now", lambda self: 1e9 + time.monotonic() - began + sum(taken))
    gone = place.data.with_name("gone")
    driver = None

    def disappear(running: Driver) -> None:
        nonlocal driver
        driver = running
        original = running.handle

        def handle(task: LegTask, message: LegMessage, *, excused: bool = False) -> None:
            original(task, message, excused=excused)
            if isinstance(message, LegResult) and place.data.exists():
                place.data.rename(gone)

        running.handle = handle  # type: ignore[method-assign]

    run(place, disappear)
    assert driver is not None and driver.stop.is_failure
    assert "nothing works any more (data set" in str(driver.stop.reason)
    assert sum(taken) >= 600, "it was tried for ten minutes"
    assert driver.history.statuses["FAILED"] == 0
    gone.rename(place.data)
    run(place)
    assert examine(sound, place) is None


@pytest.mark.slow
def test_a_disk_that_is_full(place: Place, sound: Place) -> None:
    """Files may grow to two thirds of the final journal, so that a write to the journal fails."""
    limit = (sound.folder.journal.stat().st_size * 2) // 3
    child = os.fork()
    if child == 0:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        code = 3
        try:
            run(place)
        except OSError as error:
            message = f"{error}"
            os.write(1, message.encode())
            sound_words = "journal.jsonl cannot be written" in message and "what was recorded before is safe" in message
            code = 7 if sound_words else 4
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    before = list(read_events(place.folder))
    assert before, "what was acknowledged is there"
    code, said = in_child(place)
    assert code == 0, said
    assert list(read_events(place.folder))[: len(before)] == before
    assert examine(sound, place) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system of a limited size")
def test_a_file_system_of_a_limited_size(tmp_path: Path, sound: Place) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        place = Place(small / "place", sound.data)
        filler = small / "filler"
        filler.write_bytes(bytes(150_000))
        code, said = in_child(place)
        assert code in (0, 1), said
        if code == 1:
            assert "No space left" in said, said
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        code, said = in_child(place)
        assert code == 0, said
        assert examine(sound, place) is None
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_clock_that_jumps_changes_nothing(place: Place, sound: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    true, calls = time.time, 0

    def jumping() -> float:
        nonlocal calls
        calls += 1
        return true() + (86_400 if calls % 2 else -86_400)

    monkeypatch.setattr(time, "time", jumping)
    hours: list[float] = []

    def observe(driver: Driver) -> None:
        original = driver.close

        def close() -> None:
            hours.append(driver.history.hours_used)
            original()

        driver.close = close  # type: ignore[method-assign]

    run(place, observe)
    assert calls > 1
    assert 0 <= hours[0] < 0.1, "the jump is not counted as work"
    assert examine(sound, place) is None


def test_faults_of_machines_have_many_retries_and_are_counted_apart(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    from runners.worker import leg

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(in_process, "run_leg", failing := _Failing(leg.run_leg, times=6))
    run(place)
    trials = pd.read_parquet(place.folder.root / "trials").set_index("trial_key")
    assert failing.times == 0
    assert set(trials["status"]) == {"COMPLETE"}
    assert sorted(trials["machine_faults"]) == [0, 0, 0, 6]
    assert trials["failures"].sum() == 0


class _Failing:
    def __init__(self, original: object, times: int) -> None:
        self.original, self.times = original, times

    def __call__(self, spec: object) -> Iterator[dict[str, object]]:
        if self.times:
            self.times -= 1
            return iter([LegResult(outcome="fault", error="the disk is full")])
        return self.original(spec)


def test_a_machine_without_the_data_is_at_fault_and_not_the_trial() -> None:
    from runners.worker.leg import run_leg
    from runners.worker.messages import LegTask
    from seatbelt.config.trial import TrialConfig

    spec = LegTask(
        trial_key="0" * 12,
        attempt=1,
        config=TrialConfig(),
        recorded_epochs=0,
        stop=1,
        sweep="/nowhere/at/all",
        checkpoints="/nowhere",
        full_epochs=1,
    )
    (message,) = run_leg(spec)
    assert message.outcome == "fault"
    assert "/nowhere/at/all is no sweep" in message.error
    assert UserError.__name__ not in message.error
