"""Exports: places that exist already, interruptions, foreign tables, and the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runners.cli import app
from runners.export import run
from runners.export.run import export_sweeps
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from tests.analysis.conftest import write_sweep
from tests.runners.export.conftest import DESCRIPTION, epochs, small_tables

TARGETS = ["--optuna", "--tensorboard"]


@pytest.mark.parametrize("option", TARGETS)
def test_nothing_is_overwritten(sweep: Path, tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(UserError, match=f"{option} .*{name} is there already"):
            export_sweeps([str(sweep)], [(option, str(tmp_path / name))])
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link", "sweeps"]


@pytest.mark.slow
@pytest.mark.parametrize("option", TARGETS)
def test_what_appears_meanwhile_is_not_overwritten(
    sweep: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = run._WRITERS[option]

    def slowly(*arguments: Any) -> dict[str, int]:
        counts = write(*arguments)
        (tmp_path / "out").write_text("mine")
        return counts

    monkeypatch.setitem(run._WRITERS, option, slowly)
    with pytest.raises(UserError, match="out is there already"):
        export_sweeps([str(sweep)], [(option, str(tmp_path / "out"))])
    assert (tmp_path / "out").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["out", "sweeps"]


@pytest.mark.slow
@pytest.mark.parametrize("option", TARGETS)
def test_an_interrupted_export_leaves_nothing(
    sweep: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = run._WRITERS[option]

    def interrupted(*arguments: Any) -> dict[str, int]:
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setitem(run._WRITERS, option, interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_sweeps([str(sweep)], [(option, str(tmp_path / "out"))])
    assert os.listdir(tmp_path) == ["sweeps"]


def test_no_target_is_written_if_another_is_taken(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    targets = [("--optuna", str(tmp_path / "o.db")), ("--tensorboard", str(tmp_path / "taken"))]
    with pytest.raises(UserError, match="taken is there already"):
        export_sweeps([str(sweep)], targets)
    assert sorted(os.listdir(tmp_path)) == ["sweeps", "taken"]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("nowhere/out", "there is no folder .*nowhere; make it first"),
        ("sweeps/first/trials/out", "lies in the sweep .*first; give a place outside of it"),
        ("s3://bucket/out", "is in a bucket; give a place on this machine"),
        ("", "--optuna needs the name of what is to be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_error(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=text):
        export_sweeps([str(sweep)], [("--optuna", place)])


def spoilt(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    tables = small_tables()
    change(tables)
    return tables


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "status": (lambda t: t["trials"][0].update(status="DONE"), "'DONE' is not a valid Status"),
    "level": (lambda t: t["trials"][0].update(cell='{"encoder": "z", "rate": "0.001"}'), "encoder=z, which"),
    "range": (lambda t: t["trials"][0].update(cell='{"encoder": "a", "rate": "7"}'), "rate=7, which"),
    "number": (lambda t: t["trials"][0].update(cell='{"encoder": "a", "rate": "x"}'), "could not convert"),
    "factor": (lambda t: t["trials"][0].update(cell='{"encoder": "a"}'), "a cell has the factors encoder"),
    "cell": (lambda t: t["trials"][0].update(cell="[]"), "a cell is a JSON object"),
    "score": (lambda t: t["trials"][0].update(selection_iou=float("nan")), "k0 has no selection_iou"),
    "twice": (lambda t: t["trials"][0].update(trial_key="k1"), "two rows of trials have one trial_key"),
    "epoch": (lambda t: t["epochs"].extend(epochs("k0", 0.1)), "an epoch of k0 twice"),
    "keyless": (lambda t: t["epochs"][0].update(trial_key=None), "has no trial_key or no epoch"),
    "time": (lambda t: t["trials"][0].update(planned_at=None), "a trial has no planned_at"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("option", TARGETS)
def test_what_no_sweep_writes_is_one_error(tmp_path: Path, option: str, name: str) -> None:
    change, text = HOSTILE[name]
    root = write_sweep(tmp_path / "s", description=DESCRIPTION, **spoilt(change))
    with pytest.raises(UserError, match=f"the tables of .*s hold what no sweep writes .*{text}"):
        export_sweeps([str(root)], [(option, str(tmp_path / "out"))])
    assert os.listdir(tmp_path) == ["s"]


def test_names_of_others_make_no_paths(tmp_path: Path) -> None:
    evil = "../../evil\x1b[2J"
    levels: dict[str, dict[str, object]] = {evil: {}, "a": {}, "b": {}}
    description = {**DESCRIPTION, "factors": [{"name": "encoder", "levels": levels}, DESCRIPTION["factors"][1]]}
    tables = small_tables()
    tables["trials"][0]["cell"] = '{"encoder": "../../evil\\u001b[2J", "rate": "0.001"}'
    root = write_sweep(tmp_path / "s", description=description, **tables)
    export_sweeps([str(root)], [("--tensorboard", str(tmp_path / "out"))])
    runs = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert runs[0] == r"0000-.._.._evil\x1b[2J-0.001-r0"
    assert sorted(os.listdir(tmp_path)) == ["out", "s"]


def test_a_sweep_without_trials_is_an_error(tmp_path: Path) -> None:
    root = write_sweep(tmp_path / "s", description=DESCRIPTION)
    with pytest.raises(UserError, match="has no trials yet"):
        export_sweeps([str(root)], [("--optuna", str(tmp_path / "out"))])


def test_the_command_says_what_it_wrote_and_notes_that_the_test_set_was_read(sweep: Path, tmp_path: Path) -> None:
    file = tmp_path / "o.db"
    done = CliRunner().invoke(app, ["export", str(sweep), "--optuna", str(file)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"{file}: first 7 trials, first (confirmations) 1 trial, first (named arms) 1 trial",
        f"  open it: optuna-dashboard sqlite:///{file}",
    ]
    assert [note for note, _, _ in SweepFolder(sweep).test_notes()] == ["export"]


def test_a_command_without_a_target_is_a_mistake(sweep: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(sweep)])
    assert isinstance(done.exception, UserError)
    assert "export needs a target: --optuna FILE.db" in str(done.exception)
