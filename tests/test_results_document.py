"""docs/results.md: its columns are those of the code, and every example runs on a small sweep."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from analysis import load
from analysis.answers.arms import ARMS
from analysis.reading.trial_cells import CELLS, STAGES
from analysis.text.column_reference import REFERENCE, with_columns
from runners.cli import main
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, small_tables
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("results")]

DOCUMENT = (ROOT / "docs" / "results.md").read_text()
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", DOCUMENT, flags=re.DOTALL)
COMMANDS = [line[2:] for kind, block in BLOCKS if kind == "console" for line in block.splitlines()]
SNIPPETS = [block for kind, block in BLOCKS if kind == "python"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("first", "second"):
        write_sweep(tmp_path / "sweeps" / name, description=DESCRIPTION, **small_tables())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_columns_are_those_of_the_code() -> None:
    assert with_columns(DOCUMENT) == DOCUMENT, "run: python -m analysis.text.column_reference docs/results.md"
    assert all(f"<!-- columns of {table} -->" in DOCUMENT for table in REFERENCE)
    assert DOCUMENT.count("| `trial_key` |") == 5


def test_derived_tables_have_the_columns_that_are_documented(folder: Path) -> None:
    sweep = load(folder / "sweeps" / "first")
    assert list(sweep.stages.columns) == [column.name for column in STAGES]
    assert list(sweep.cells.columns) == [*(column.name for column in CELLS), "encoder", "decoder"]
    assert list(sweep.arms().columns) == ["arm_key", "encoder", "decoder", *(column.name for column in ARMS)]


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(
    folder: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", shlex.split(command))
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert stopped.value.code == 0, captured.err
    named = re.search(r"--out (\S+)", command)
    assert (folder / named[1]).stat().st_size if named else len(captured.out) > 20


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_runs(folder: Path, snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippet, "docs/results.md", "exec"), {})
    assert len(capsys.readouterr().out) > 20


def test_there_are_examples_of_each_kind() -> None:
    assert len(COMMANDS) >= 10
    assert {name for name in ("pandas", "duckdb", "polars", "analysis") if any(name in s for s in SNIPPETS)} == {
        "pandas",
        "duckdb",
        "polars",
        "analysis",
    }
