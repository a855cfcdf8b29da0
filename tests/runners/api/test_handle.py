"""Sweeps from Python: each runs in a process of its own."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners import Sweep, sweep
from runners.api.status import sweep_status
from runners.core.events import SessionOpened
from runners.core.plan import Limits
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from search_spaces.axes import factor
from search_spaces.space import Protocol, Study
from seatbelt.errors import SweepFailedError, UserError
from tests.command_line import mistake
from tests.conftest import MakeData
from tests.runners.conftest import open_driver, work

MANY = 500
"""Epochs that no test waits for."""


@pytest.fixture
def options(make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of the smallest sweep, one architecture on 12 images."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return {
        "data": make_data(),
        "set": {"encoder": ["lite0"], "decoder": ["fpn"]},
        "fix": {"weights": "none"},
        "max_epochs": 2,
        "engine": "in-process",
        "out": tmp_path / "sweeps",
    }


@pytest.fixture
def endless(options: dict[str, Any]) -> Iterator[Sweep]:
    """A sweep that runs until the test stops it."""
    running = sweep("architecture", **{**options, "max_epochs": MANY})
    yield running
    running.stop(wait=60)


def wait_for_an_epoch(running: Sweep) -> None:
    until = time.monotonic() + 120
    while running.status().epochs == 0:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_two_sweeps_at_once_one_of_them_from_a_thread(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(
        name="rates",
        question="Which?",
        factors=(factor("decoder_learning_rate", [0.001]),),
        conditions={
            "data.real": True,
            "data.generations": (),
            "model.encoder": "lite0",
            "model.decoder": "fpn",
            "model.weights": "none",
        },
        protocol=Protocol(epochs=1),
    )
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    ended: list[Sweep] = []
    rest = {key: options[key] for key in ("data", "engine", "out")}
    thread = threading.Thread(target=lambda: ended.append(sweep(study, **rest, quiet=True).wait()))
    thread.start()
    first = sweep("architecture", **options)
    # The program may go elsewhere.
    monkeypatch.chdir("/")
    assert first.wait(timeout=300) is first
    thread.join(timeout=300)
    (second,) = ended
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers

    status = first.status()
    assert (status.state, status.trials, status.epochs) == ("finished", {"COMPLETE": 1}, 2)
    assert (status.total_epochs, status.seconds_left) == (2, None)
    assert status.best_trial == "[0] lite0 fpn"
    assert str(status).startswith("finished: 1 COMPLETE; 2 of about 2 epochs; best selection IoU 0.")
    assert repr(first).startswith(f"<Sweep architecture at {options['out']}/architecture: finished: 1 COMPLETE; ")
    assert "<b>architecture</b> finished: 1 COMPLETE" in first._repr_html_()
    lines = capsys.readouterr().err
    assert "[0] lite0 fpn epoch 2/2: selection IoU 0." in lines, "wait shows the progress"
    assert "[0] 0.001 epoch" not in lines, "but not that of the quiet sweep"

    ranking = first.best()
    assert len(ranking.arms) == 1 and str(ranking).startswith("1. [0] lite0 fpn: selection IoU 0.")
    assert list(ranking.frame.columns)[:3] == ["rank", "encoder", "decoder"]
    assert (len(first.trials), len(first.epochs), list(second.trials["status"])) == (1, 2, ["COMPLETE"])
    assert (second.name, second.record.question) == ("rates", "Which?")
    assert second.record.command.startswith("seatbelt sweep '<rates, a study made in Python>' --engine in-process")
    assert first.record.command == (
        "seatbelt sweep architecture --set encoder=lite0 --set decoder=fpn --fix weights=none --max-epochs 2 "
        f"--engine in-process --data {options['data']} --out {options['out']}"
    )


@pytest.mark.slow
@pytest.mark.alone
def test_a_running_sweep_is_attached_to_stopped_and_continued(
    endless: Sweep, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    attached = Sweep(endless.root)
    assert attached.status().state == "running"
    with pytest.raises(TimeoutError, match=r"/sweeps/architecture still runs: running: "):
        attached.wait(timeout=0)
    with pytest.raises(UserError, match=r"/architecture is being written by process \d+ on .*; wait for it, or end it"):
        sweep("architecture", **{**options, "max_epochs": MANY})
    wait_for_an_epoch(endless)
    assert attached.status().seconds_left > 1
    assert not attached.stop(), "the epoch is still running"
    assert attached.stop(wait=60)
    assert endless.wait() is endless, "who asks a sweep to stop is not surprised that it does"
    lines = capsys.readouterr().err
    assert "] lite0 fpn epoch 1/500: " in lines and "stopped: stop was asked for" in lines
    assert "\nerror:" not in lines.partition("stopped:")[0].partition("epoch 1/")[2], (
        "that of the second is another log"
    )
    status = attached.status()
    assert (status.state, status.reason, status.trials) == ("stopped", None, {"INTERRUPTED": 1})
    assert attached.stop(), "nobody is left to stop"

    attached.resume(quiet=True)
    while attached.status().epochs == status.epochs:
        time.sleep(0.1)
    assert attached.stop(wait=60) and attached.wait() is attached


@pytest.mark.slow
@pytest.mark.alone
def test_a_session_that_is_killed_is_a_failure(endless: Sweep) -> None:
    wait_for_an_epoch(endless)
    os.kill(endless._process._process.pid, signal.SIGKILL)
    with pytest.raises(SweepFailedError, match=r"its process was ended by signal 9; its output is in .*\.log"):
        endless.wait()
    assert endless.status().state == "stopped", "the ledger continues where it ended"


@pytest.mark.slow
def test_a_sweep_without_a_result_raises_the_reason(options: dict[str, Any]) -> None:
    # More than float32 can hold.
    diverging = sweep("architecture", **{**options, "fix": {"weights": "none", "loss_bce": 1e39}})
    reason = r"no trial has a result \(1 DIVERGED\); the first, \[0\] lite0 fpn: the loss was not finite"
    with pytest.raises(SweepFailedError, match=reason):
        diverging.wait()
    assert diverging.status().state == "failed"
    with pytest.raises(SweepFailedError, match=reason):
        Sweep(diverging.root).wait()


PROGRAM = """
import sys
from runners import sweep
running = sweep("architecture", data=sys.argv[1], set={"encoder": ["lite0"], "decoder": ["fpn"]},
                fix={"weights": "none"}, max_epochs=500, engine="in-process", out=sys.argv[2])
print("launched", flush=True)
try:
    running.wait()
except KeyboardInterrupt:
    print(running.status().state)
"""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_waiting_stops_the_sweep(options: dict[str, Any], tmp_path: Path, presses: int) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), str(options["data"]), str(options["out"])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout.readline() == "launched\n"
        wait_for_an_epoch(Sweep(options["out"] / "architecture"))
        for _ in range(presses):
            program.send_signal(signal.SIGINT)
            time.sleep(0.05)
        out, err = program.communicate(timeout=120)
    assert out == "stopped\n", err
    assert "ending after the running epochs; once more ends at once" in err
    assert ("stopped: SIGINT" in err) or presses == 2


@pytest.mark.slow
@pytest.mark.alone
def test_a_sweep_survives_the_program_that_launched_it(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("500", "2").replace("running.wait()", "pass"))
    program = [sys.executable, str(tmp_path / "program.py"), str(options["data"]), str(options["out"])]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == "launched\n"
    later = Sweep(options["out"] / "architecture").wait(timeout=120)
    assert later.status().state == "finished"


def test_mistakes_have_the_text_of_the_command_line(options: dict[str, Any], tmp_path: Path) -> None:
    data, missing = str(options["data"]), str(tmp_path / "no")
    for study, values, arguments in (
        ("architectur", {}, []),
        ("architecture", {"data": missing}, ["--data", missing]),
        ("architecture", {"data": data, "set": {"encoder": ["resnet"]}}, ["--set", "encoder=resnet"]),
        ("architecture", {"data": data, "fix": {"colour": 1}}, ["--fix", "colour=1"]),
        ("joint", {"data": data, "design": "ofat", "propose": "random"}, ["--design", "ofat", "--propose", "random"]),
    ):
        with pytest.raises(UserError) as error:
            sweep(study, **values, out=tmp_path)
        assert str(error.value) == mistake("sweep", study, *arguments, "--data", data, "--out", str(tmp_path))
    assert not (tmp_path / "architecture").exists()


def test_editors_and_notebooks_see_the_options() -> None:
    launching, resuming = inspect.signature(sweep).parameters, inspect.signature(Sweep.resume).parameters
    assert list(launching)[:3] == ["study", "set", "fix"] and launching["out"].default == "sweeps"
    assert "retry" in resuming and "options" not in {*launching, *resuming}


def test_places_without_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no sweep: it has no sweep\.json"):
        Sweep(tmp_path)


def test_the_status_counts_and_estimates(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_driver(folder, Limits(replicates=1)) as driver:
        assert str(sweep_status(folder)) == "running: no trials; 0 of about 12 epochs"
        work(driver, driver.next())
        driver.next()
        status = sweep_status(folder)
        assert (status.trials, status.epochs, status.total_epochs) == ({"COMPLETE": 1, "RUNNING": 1}, 3, 12)
        opened = next(event.at for event in read_events(folder) if isinstance(event, SessionOpened))
        monkeypatch.setattr("runners.api.status.time.time", lambda: opened + 30)
        assert sweep_status(folder).seconds_left == pytest.approx(90), "9 epochs of 10 s each"
    stopped = sweep_status(folder)
    assert (stopped.state, stopped.seconds_left, stopped.trials) == ("stopped", None, {"COMPLETE": 1, "INTERRUPTED": 1})
