"""One of two GPUs fails in every leg: the other does the work, and the user reads what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runners.core.events import LegEnded
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.faults.broken_gpu import KILLED, TEXT, disturb
from tests.faults.nodes import environment

pytestmark = pytest.mark.alone


def text_of(*arguments: str) -> str:
    command = [sys.executable, "-m", "runners.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=100, check=True)
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("how", "encoders", "words"),
    [
        (TEXT, 3, TEXT),
        pytest.param(
            KILLED, 2, "most likely SIGKILL by the system's out-of-memory killer", marks=pytest.mark.long, id="killed"
        ),
    ],
)
def test_a_broken_gpu_is_left_out_and_fails_no_trial(tmp_path: Path, how: str, encoders: int, words: str) -> None:
    report = disturb(tmp_path, encoders=encoders, epoch_seconds=5 if how == TEXT else 4, until=200, how=how)
    said = "\n".join(report.said)
    assert (report.exit_code, report.statuses) == (0, {"COMPLETE": encoders}), said
    # A lost process takes its time to come back: a slow machine may see fewer losses than the three of an exclusion.
    assert 1 <= report.lost_legs <= 5, said
    assert all(words in error and "GPU 1" in error for error in report.errors), report.errors
    left_out = said.count("GPU 1 lost 3 legs without an epoch and is excluded for 60 s, then tried again")
    assert left_out == (report.lost_legs >= 3)
    assert "unknown" not in said and "Traceback" not in said
    sweep = str(tmp_path / "sweep")
    assert "lost to machines, each tried again; the last: " in text_of("status", sweep)
    ended = [event for event in read_events(SweepFolder(sweep)) if isinstance(event, LegEnded)]
    key = next(event.trial_key for event in ended if event.outcome == "lost")
    assert words in text_of("why", sweep, key)
