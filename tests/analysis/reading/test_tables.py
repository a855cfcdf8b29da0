"""Reading a sweep."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis import Sweep, load
from analysis.answers.query import query
from analysis.answers.ranking import best
from seatbelt.errors import UserError
from seatbelt.records.tables import TABLES
from tests.analysis.conftest import MakeSweep, trial


def test_load_gives_data_frames(make_sweep: MakeSweep) -> None:
    written = make_sweep(
        trials=[trial(key, "x", iou=0.5) for key in "abc"],
        epochs=[{"trial_key": "a", "epoch": 1, "train_loss": 0.5}],
    )
    sweep = load(str(written.root))
    assert sweep.trials.trial_key.tolist() == ["a", "b", "c"]
    assert str(sweep.trials.planned_at.dt.tz) == "UTC"
    assert sweep.epochs.train_loss.tolist() == [0.5]
    assert (len(sweep.images), len(sweep.decisions)) == (0, 0)
    for table in TABLES:
        assert list(getattr(sweep, table).columns) == [column.name for column in TABLES[table]]
    assert sweep.description["baselines"]["mean mask"] == 0.5


@pytest.mark.parametrize("oldest_first", [True, False])
def test_shards_of_an_older_version_may_lack_columns(make_sweep: MakeSweep, oldest_first: bool) -> None:
    written = make_sweep(trials=[trial(key, "x", iou=0.5, schedule="cosine") for key in "ab"])
    (shard,) = (Path(written.root) / "trials").glob("*.parquet")
    rows = pq.read_table(shard)
    older = rows.slice(0, 1).drop_columns(["schedule", "loss"])
    other = shard.with_name("part-00001.parquet")
    pq.write_table(older, shard if oldest_first else other)
    pq.write_table(rows.slice(1), other if oldest_first else shard)
    sweep = load(str(written.root))
    assert dict(zip(sweep.trials.trial_key, sweep.trials.schedule.fillna("none"), strict=True)) == {
        "a": "none",
        "b": "cosine",
    }
    _, rows_of_sql = query(sweep, "select count(*), count(schedule) from trials")
    assert rows_of_sql == [(2, 1)]


def test_a_folder_may_have_any_name(make_sweep: MakeSweep) -> None:
    sweep = make_sweep("it's [a] *sweep?", trials=[trial("a", "x", iou=0.5)])
    assert best(sweep).arms[0].trial_key == "a"
    assert query(sweep, "select trial_key from trials")[1] == [("a",)]
    assert sweep.trials.trial_key.tolist() == ["a"]


def test_places_without_sweep_json_are_no_sweeps(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (tmp_path, tmp_path / "nowhere", file):
        with pytest.raises(UserError, match=f"{path} is no sweep: it has no sweep.json; see `seatbelt sweep --h"):
            load(path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", r"sweep\.json cannot be read as JSON \("),
        ("[]", r"sweep\.json must hold an object, but holds a list"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=what):
        load(tmp_path)


def test_missing_or_damaged_tables_are_one_error(replicated: Sweep) -> None:
    (Path(replicated.root) / "trials" / "00001.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(UserError, match="/trials cannot be read \\("):
        best(replicated)
    with pytest.raises(UserError, match="/trials cannot be read \\("):
        _ = replicated.trials
    shutil.rmtree(Path(replicated.root) / "images")
    with pytest.raises(UserError, match="/images cannot be read \\("):
        _ = replicated.images


@pytest.mark.slow
def test_importing_it_loads_neither_pandas_nor_duckdb() -> None:
    heavy = {"pandas", "duckdb", "torch", "ray", "pyarrow", "scipy", "numpy"}
    code = f"import sys, analysis, analysis.answers.ranking; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
