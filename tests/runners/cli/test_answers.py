"""`compare`, `why`, `best` and `query` from the command line: forms, files, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from runners.cli import main
from runners.sweep_files.folder import SweepFolder
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, small_tables
from tests.command_line import answer, mistake, seatbelt
from tests.conftest import ROOT

UNET, FPN = "decoder=unet", "decoder=fpn"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path / "sweeps" / "first", description=DESCRIPTION, **small_tables())
    return "sweeps/first"


def test_compare(sweep: str) -> None:
    assert "selection, A - B: +0.1000 [-0.1484, +0.3484]" in answer("compare", sweep, UNET, FPN)
    comparison = json.loads(answer("compare", sweep, UNET, FPN, "--json"))
    assert comparison["differences"] == pytest.approx([0.1, 0.2, 0.0])
    assert (comparison["test"]["better"], comparison["needed"]) == (1, 785)
    # The sweep notes that test scores were read.
    assert [note[0] for note in SweepFolder(sweep).test_notes()] == ["compare", "compare"]
    assert "try --role arm" in mistake("compare", sweep, UNET, FPN, "--role", "confirmation")
    assert "no trial has decoder=unit; there are unet, fpn" in mistake("compare", sweep, "decoder=unit", FPN)


def test_why(sweep: str) -> None:
    assert "proposed by exhaustive at 2026-03-01T12:00:00+00:00: arm 1 of 2, replicate 2" in answer("why", sweep, "0a1")
    assert json.loads(answer("why", sweep, "0a1", "--json"))["place"] == 1
    assert "3 trials begin with '0a': [0] resnet18 unet (0a0), [1] resnet18 unet, replicate 2 (0a1), " in mistake(
        "why", sweep, "0a"
    )


def test_best_of_several(sweep: str) -> None:
    other = DESCRIPTION | {"selection": [[0, 3]]}
    write_sweep(Path("sweeps/other"), description=other, trials=[arm_trial("f", "e", "d", 0, 0.9)])
    assert json.loads(answer("best", sweep, "--json"))["arms"][0]["sweep"] == "first"
    message = mistake("best", "sweeps/*")
    assert "2 images of belts, target seat_belt: first; 1 images of belts, target seat_belt: other" in message
    assert answer("best", sweep, "sweeps/other", "--mixed").startswith("MIXED: ")
    answer("best", "sweeps/*", "--mixed", "--by", "test")
    for name in ("sweeps/first", "sweeps/other"):
        assert [note[0] for note in SweepFolder(name).test_notes()] == ["best --by test"]


def test_query_writes_files(sweep: str, tmp_path: Path) -> None:
    sql = "select trial_key, sum(number) as n, 0.5 as d, 1 as d from trials group by 1 order by 1"
    assert answer("query", sweep, sql, "--out", "a.parquet") == ""
    table = pd.read_parquet("a.parquet")
    assert list(table.columns) == ["trial_key", "n", "d", "d_1"]
    assert str(table["n"].dtype) == "int64"
    assert table["trial_key"].tolist()[0] == "0a0"
    answer("query", sweep, "select 1 as a", "--out", "a.csv")
    assert Path("a.csv").read_bytes() == b"a\n1\n"
    answer("query", sweep, "select 2 as a", "--out", "a.csv", "--format", "json")
    assert json.loads(Path("a.csv").read_text()) == [{"a": 2}]
    answer("query", "sweeps/*", "select distinct sweep from trials", "--out", "a.txt")
    assert Path("a.txt").read_text() == "sweep\nfirst\n(1 row)\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet", "a.txt", "sweeps"]


@pytest.mark.slow
def test_parquet_goes_into_a_pipe(
    sweep: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "runners.cli", "query", sweep, "from trials", "--format", "parquet"]
    done = subprocess.run(command, capture_output=True, check=True, env={"PYTHONPATH": str(ROOT)})
    assert done.stdout[:4] == done.stdout[-4:] == b"PAR1"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.argv", ["seatbelt", "query", sweep, "from trials", "--format", "parquet"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: Parquet is not for a terminal; give a file: --out FILE\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweeps/first"], "query takes sweeps and then one SQL query, but got only 'sweeps/first'"),
        (["sweeps/x*", "from trials"], "no sweep matches 'sweeps/x*'"),
        (["sweeps/first", "from trials", "--out", "sweeps/first/x.csv"], "lies in the sweep sweeps/first"),
        (["sweeps/first", "from trials", "--out", "link/sweep.json"], "lies in the sweep sweeps/first"),
        (["sweeps/first", "from trials", "--out", "nowhere/x.csv"], "make it first"),
        (["sweeps/first", "from trials", "--out", "sweeps"], "--out sweeps is a folder"),
        (["sweeps/first", "from trials", "--out", ""], "is a folder"),
        (["sweeps/first", "from trials", "--out", "/dev/null"], "is no regular file"),
    ],
)
def test_mistakes(sweep: str, arguments: list[str], message: str) -> None:
    Path("link").symlink_to(sweep)
    assert message in mistake("query", *arguments)


def test_a_refused_query_leaves_the_file(sweep: str) -> None:
    Path("a.csv").write_text("before")
    mistake("query", sweep, "drop table trials", "--out", "a.csv")
    assert Path("a.csv").read_text() == "before"


@pytest.mark.parametrize("command", ["compare", "why", "best", "query"])
def test_help_has_an_example(command: str) -> None:
    assert f"seatbelt {command} " in answer(command, "--help")


@pytest.mark.slow
def test_texts_of_others_do_not_steer_the_terminal(sweep: str) -> None:
    evil = "\x1b[31m\x7f\u202e"
    trials = [arm_trial(f"{d}{evil}", "e", f"{d}{evil}", 0, 0.5, error=evil, proposed_by=evil) for d in ("a", "b")]
    decisions = [{"number": 0, "kind": "proposal", "by": evil, "trial_key": f"a{evil}", "reason": evil}]
    root = str(write_sweep(Path("evil"), trials=trials, decisions=decisions, description={"prune": evil}))
    for arguments in (["compare", root, f"decoder=a{evil}", f"b{evil}"], ["why", root, "a"], ["best", root]):
        for more in ([], ["--json"]):
            assert answer(*arguments, *more).replace("\n", "").isprintable()
    assert mistake("why", root, evil)
    assert mistake("compare", root, evil, "x")


@pytest.mark.parametrize(
    "change", [{"cell": "[1]"}, {"cell": "no json"}, {"replicate": None}, {"selection_iou": None}, {"arm_key": None}]
)
def test_what_no_sweep_writes_is_one_line(sweep: str, change: dict[str, object]) -> None:
    root = str(
        write_sweep(Path("odd"), trials=[arm_trial("a", "e", "a", 0, 0.5) | change, arm_trial("b", "e", "b", 0, 1)])
    )
    assert mistake("compare", root, "decoder=a", "decoder=b")
    for arguments in (["why", root, "a"], ["best", root]):
        assert seatbelt(*arguments).code in (0, 2)


@pytest.mark.parametrize("arguments", [["best"], ["query", "from trials"]])
def test_tables_fit_a_terminal_unless_wide(sweep: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    command, *more = arguments
    full = answer(command, sweep, *more)
    monkeypatch.setattr("runners.cli.output.terminal_width", lambda: 60)
    lines = answer(command, sweep, *more).splitlines()
    last = next(place for place, line in enumerate(lines) if line.startswith("(--wide shows all; "))
    assert last > 2 and max(map(len, lines[: last + 1])) <= 60
    assert answer(command, sweep, *more, "--wide") == full
