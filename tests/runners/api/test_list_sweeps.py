"""The list of sweeps: states, numbers, damaged sweeps and places without any."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runners.core.plan import Limits
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import last_limits, read_sessions
from runners.worker.messages import LegTask
from tests.command_line import answer, mistake
from tests.runners.conftest import describe, ended_message, open_driver
from tests.runners.session.test_driver import run_to_the_end


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps" / "notes").mkdir(parents=True)
    return tmp_path / "sweeps"


def make_sweep(folder: Path, created: str) -> SweepFolder:
    sweep = SweepFolder(folder)
    sweep.create(describe().model_copy(update={"created": f"{created}T00:00:00+00:00"}))
    return sweep


def listed() -> dict[str, dict[str, object]]:
    return {sweep["name"]: sweep for sweep in json.loads(answer("list", "--json"))}


def test_each_sweep_has_its_state_and_its_numbers(sweeps: Path) -> None:
    finished, stopped = make_sweep(sweeps / "a", "2026-01-01"), make_sweep(sweeps / "b", "2026-01-02")
    failed, new = make_sweep(sweeps / "c", "2026-01-03"), make_sweep(sweeps / "d", "2026-01-04")
    run_to_the_end(finished)
    with open_driver(stopped, Limits(replicates=2)) as driver:
        assert isinstance(driver.next(), LegTask)
    with open_driver(failed) as driver:
        while isinstance(task := driver.next(), LegTask):
            driver.handle(task, ended_message("diverged", 1))
    with open_driver(new):
        rows = listed()
        assert list(rows) == ["d", "c", "b", "a"], "newest first"
        assert [row["state"] for row in rows.values()] == ["running", "failed", "stopped", "finished"]
    # Four arms of three epochs each.
    numbers = [(row["trials"], row["most_trials"], row["epochs"], row["most_epochs"]) for row in (rows["a"], rows["b"])]
    assert numbers == [(4, 4, 12, 12), (0, 8, 0, 24)]
    best = json.loads(answer("best", "sweeps/a", "--json"))["arms"][0]["selection_iou"]
    assert rows["a"]["best"] == pytest.approx(best)
    assert rows["c"]["best"] is None
    assert (rows["a"]["study"], rows["a"]["location"]) == ("architecture", "sweeps/a")
    assert rows["a"]["disk"] == finished.storage.size()
    lines = answer("list").splitlines()
    assert lines[0].split() == ["sweep", "study", "state", "trials", "epochs", "best", "age", "disk"]
    assert lines[3].split()[:6] == ["b", "architecture", "stopped", "0/8", "0/24", "-"]
    assert answer("list", "sweeps/a").splitlines()[1:] == [lines[4]]


def test_a_damaged_sweep_is_a_row_of_its_own(sweeps: Path) -> None:
    run_to_the_end(make_sweep(sweeps / "sound", "2026-01-01"))
    for name in ("description", "table", "lost"):
        run_to_the_end(make_sweep(sweeps / name, "2026-01-02"))
    (sweeps / "description" / "sweep.json").write_text("{")
    (sweeps / "table" / "trials" / "part-00000.parquet").write_bytes(b"no table")
    os.remove(sweeps / "lost" / "sweep.json")
    states = {name: row["state"] for name, row in listed().items()}
    assert states == {"sound": "finished", "description": "damaged", "table": "damaged", "lost": "damaged"}
    text = answer("list")
    assert "description: sweeps/description/sweep.json cannot be read" in text
    assert "table: sweeps/table/trials cannot be read" in text
    assert "lost: " in text


def test_places_without_sweeps_are_one_clear_line(sweeps: Path) -> None:
    assert mistake("list").startswith("sweeps holds no sweeps; `seatbelt sweep STUDY` makes one")
    assert mistake("list", "nowhere").startswith("there is no folder nowhere; ")


def test_the_sessions_of_a_journal_without_its_other_events(sweeps: Path) -> None:
    folder = make_sweep(sweeps / "a", "2026-01-01")
    assert (read_sessions(folder), last_limits(folder)) == ([], None)
    with open_driver(folder):
        pass
    run_to_the_end(folder)
    with open_driver(folder, Limits(replicates=3)):
        pass
    assert len(read_sessions(folder)) == 3
    assert last_limits(folder) == Limits(replicates=3)
    # A line that was never finished.
    with folder.journal.open("ab") as file:
        file.write(b'294 d58a5953 {"type":"session"')
    assert len(read_sessions(folder)) == 3
