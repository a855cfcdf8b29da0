"""A user's mistake gives one clear line and exit code 2; the texts are kept here."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from runners import cli
from runners.cli import main
from tests.conftest import MakeData

SMALL = ["--fix", "weights=none", "--engine", "in-process", "--dry-run"]

MISTAKES = [
    (
        ["sweep", "architektur", "--data", "{data}"],
        "there is no study 'architektur'; choose one of architecture",
    ),
    (["sweep", "mine.py", "--data", "{data}"], "study file mine.py: there is no such file"),
    (["sweep", "architecture", "--data", "nowhere"], "data set nowhere: there is no such folder"),
    (
        ["sweep", "architecture", "--data", "{data}"],
        "or start from random weights by --fix weights=none",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--set", "encoder=resnet35", *SMALL],
        "model.encoder: there is no encoder 'resnet35'",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--set", "encoder", *SMALL],
        "--set takes NAME=VALUE, but got 'encoder'",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--fix", "colour=red", *SMALL],
        "there is no axis 'colour'; choose one of encoder, decoder",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--fix", "target=wheel", *SMALL],
        "has no class wheel (it has: seat_belt, hair)",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--size", "big", *SMALL],
        "--size takes HEIGHTxWIDTH in pixels, such as 96x160, but got 'big'",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--rungs", "3-5", *SMALL],
        "--rungs takes epochs separated by commas",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--rungs", "3", *SMALL],
        "--rungs only makes sense with --prune asha",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--prune", "asha", "--rungs", "70", *SMALL],
        "--rungs must rise from 1 to at most 50",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--propose", "optuna", *SMALL],
        "--propose optuna has no end of its own: give --trials, --epochs or --hours",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--epochs", "3", *SMALL],
        "--epochs 3 is less than the first leg of one trial (50 epochs)",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--select-on", "video", *SMALL],
        "'video' is not one of 'real'",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--select-on", "synthetic", *SMALL],
        "hold 0 training subjects of the synthetic domain",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--fix", "generations=6", *SMALL],
        "hold no training images of generation 6 (they hold: none)",
    ),
    (
        ["sweep", "architecture", "--data", "{data}", "--fix", "weights=file:gone.pth", "--dry-run"],
        "gone.pth",
    ),
    (["sweep", "architecture", "--data", "{data}", "--max-epochs", "0"], "--max-epochs"),
    (["resume", "nowhere"], "nowhere is no sweep: it has no sweep.json"),
    (["status", "nowhere"], "nowhere is no sweep"),
    (["best", "nowhere"], "nowhere is no sweep"),
    (["query", "nowhere", "select 1"], "nowhere is no sweep"),
    (["stop", "nowhere"], "nowhere is no sweep"),
    (["reproduce", "nowhere", "abc"], "nowhere is no sweep"),
    (["explain", "nowhere", "best"], "nowhere is no sweep"),
    (["studies", "colour"], "there is no study 'colour'"),
    (["studies", "--design", "ofat"], "--design needs the name of a study"),
    (["studies", "mixing", "--design", "cube"], "there is no design 'cube'; choose one of full, ofat"),
    (["studies", "mixing", "--size", "big"], "--size takes HEIGHTxWIDTH in pixels"),
    (["data", "check", "nowhere"], "data set nowhere: there is no such folder"),
    (["data", "show", "{data}", "--generation", "9"], "no image fits; it has: real"),
    (["data", "show", "{data}", "--out", "no/such/folder.png"], "no/such/folder.png cannot be written"),
    (["data", "scenes", "--out", "new", "--generations", "camera"], "--generations takes NAME=NUMBER"),
    (["data", "scenes", "--out", "{data}"], "is not empty"),
    (["data", "scenes", "--out", "new", "--generations", "9=20"], "9"),
    (["doctor", "--data", "x"], "--sweep and --data ask the nodes of a cluster; say which by --address"),
    (["cluster", "check", "nowhere.yaml"], "cluster file nowhere.yaml cannot be read (No such file or directory)"),
    (["cluster", "up", "nowhere.yaml"], "cluster file nowhere.yaml cannot be read (No such file or directory)"),
    (["swep"], "No such command 'swep'"),
]


@pytest.mark.parametrize(
    ("arguments", "text"), MISTAKES, ids=[" ".join(a[:2]) + f" {i}" for i, (a, _) in enumerate(MISTAKES)]
)
def test_one_clear_line_and_exit_code_2(
    arguments: list[str],
    text: str,
    make_data: MakeData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = make_data()
    before = sorted(path for path in data.rglob("*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no-weights"))
    monkeypatch.setattr("sys.argv", ["seatbelt", *(a.format(data=data) for a in arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert stopped.value.code == 2
    assert text in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert len(re.findall("^(error: |╭─ Error)", captured.err, flags=re.MULTILINE)) == 1
    assert sorted(path for path in data.rglob("*")) == before, "nothing is lost or added"
    assert not (tmp_path / "sweeps").exists(), "a mistake leaves no sweep behind"


def test_another_sweep_in_the_folder_is_not_touched(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_data()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps" / "mine").mkdir(parents=True)
    (tmp_path / "sweeps" / "mine" / "thesis.txt").write_text("x")
    command = [
        "seatbelt",
        "sweep",
        "architecture",
        "--data",
        str(data),
        "--fix",
        "weights=none",
        "--name",
        "mine",
    ]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "sweeps/mine exists and is no sweep; choose another --name or --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "sweeps" / "mine").iterdir()] == ["thesis.txt"]


def test_a_damaged_description_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sweep.json").write_text(json.dumps({"format": 1, "study": "architecture"}))
    monkeypatch.setattr("sys.argv", ["seatbelt", "resume", str(tmp_path / "s")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "sweep.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "end"), [(None, 0), (0, 0), (1, 1), (2, 2), ("a word", 1)])
def test_the_program_ends_with_the_code_of_its_command(
    code: int | str | None, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[int] = []
    monkeypatch.setattr(cli, "main", lambda: sys.exit(code))
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: ends.append(-1))
    monkeypatch.setattr("os._exit", ends.append)
    cli.run()
    assert ends == [-1, end], "what is to be done at the end is done before it"
