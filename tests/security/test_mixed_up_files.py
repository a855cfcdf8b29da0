"""Files of one sweep that lie in another: they are refused by name, and never reported as its results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis import load
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from tests.command_line import answer, mistake
from tests.runners.conftest import describe, open_driver
from tests.runners.session.test_driver import run_to_the_end


def finished_sweep(root: Path, identity: str) -> SweepFolder:
    folder = SweepFolder(root)
    folder.create(describe().model_copy(update={"identity": identity}))
    run_to_the_end(folder)
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[SweepFolder, SweepFolder]:
    return finished_sweep(tmp_path / "one", "1" * 16), finished_sweep(tmp_path / "two", "2" * 16)


READING = [
    ["best"],
    ["query", "select count(*) from trials"],
    ["effects"],
    ["report"],
    ["export", "--optuna", "o.db"],
]


@pytest.mark.parametrize("table", ["trials", "epochs", "images", "decisions"])
@pytest.mark.parametrize("name", ["part-00000.parquet", "part-00007.parquet"])
def test_a_table_file_of_another_sweep(two: tuple[SweepFolder, SweepFolder], table: str, name: str) -> None:
    one, other = two
    shutil.copy(other.root / table / "part-00000.parquet", one.root / table / name)
    said = mistake("query", str(one.root), f"select count(*) from {table}")
    assert f"{table}/{name} belongs to another sweep ({'2' * 16}, this one is {'1' * 16})" in said
    with pytest.raises(UserError, match=f"{table}/{name} belongs to another sweep"):
        load(one.root).arrow(table)
    with pytest.raises(UserError, match=f"{table}/{name} belongs to another sweep"):
        open_driver(one)
    (one.root / table / name).unlink()
    run_to_the_end(one)
    assert load(one.root).arrow(table).num_rows >= load(other.root).arrow(table).num_rows


@pytest.mark.parametrize("arguments", READING, ids=lambda arguments: arguments[0])
def test_every_reading_command_refuses_it(
    two: tuple[SweepFolder, SweepFolder], arguments: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    one, other = two
    shutil.copy(other.root / "trials" / "part-00000.parquet", one.root / "trials" / "part-00001.parquet")
    command, *more = arguments
    assert "trials/part-00001.parquet belongs to another sweep" in mistake(command, str(one.root), *more)


def test_trials_of_other_data_without_an_identity(two: tuple[SweepFolder, SweepFolder]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one, _ = two
    place = one.root / "trials" / "part-00000.parquet"
    table = pq.read_table(place)
    column = table.schema.get_field_index("data_fingerprint")
    foreign = table.set_column(column, table.schema.field(column), pa.array(["e" * 64] * len(table)))
    pq.write_table(foreign.replace_schema_metadata(None), place)
    assert f"{place} holds trials of other data than" in mistake("best", str(one.root))


def test_a_journal_of_another_sweep(two: tuple[SweepFolder, SweepFolder]) -> None:
    one, other = two
    shutil.copy(other.journal, one.journal)
    for command in ("status", "resume"):
        said = mistake(command, str(one.root))
        assert "belongs to another sweep: its session on " in said
        assert f"wrote to sweep {'2' * 16}, but {one.root} is {'1' * 16}" in said
    assert one.journal.read_bytes() == other.journal.read_bytes(), "nothing was written"


def test_a_journal_from_before_identities_is_none_of_this_sweep(tmp_path: Path) -> None:
    new, old = finished_sweep(tmp_path / "new", "1" * 16), finished_sweep(tmp_path / "old", "")
    shutil.copy(old.journal, new.journal)
    assert "wrote to sweep without identity" in mistake("status", str(new.root))


def test_an_old_sweep_continues(tmp_path: Path) -> None:
    old = finished_sweep(tmp_path / "old", "")
    run_to_the_end(old)
    assert "COMPLETE" in answer("status", str(old.root))
    assert "seatbelt_sweep" not in str(load(old.root)._storage.read("trials/part-00000.parquet"))
