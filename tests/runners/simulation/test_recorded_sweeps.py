"""The recorded sweeps in the repository name no machine, and can be replayed and read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import load
from runners.simulation.recorded import recorded_world
from runners.sweep_files.description import SweepDescription
from seatbelt.records.identity import arm_key
from seatbelt.records.tables import TABLES
from tests.benchmarks.recorded import RECORDED_SWEEPS
from tests.benchmarks.recorded.keeping import DROPPED, without_places
from tests.command_line import answer

NAMES = sorted(path.parent.name for path in RECORDED_SWEEPS.glob("*/sweep.json"))
ARMS = {"architecture": 30, "augmentation": 33, "mixing": 24}
PLACE = re.compile(r"(?<![\w.])[/~]\w|[A-Za-z]:\\|\w@\w|\b(?:home|root|tmp|Users)\b")
"""An absolute path, a user at a host, or a folder that holds some."""


def texts(folder: Path) -> set[str]:
    """Return every text in a sweep folder: names of files, descriptions, values of tables, metadata."""
    collected = {str(path.relative_to(folder)) for table in TABLES for path in (folder / table).iterdir()}
    collected |= set((folder / "sweep.json").read_text().splitlines())
    for file in folder.rglob("*.parquet"):
        table = pq.read_table(file)
        collected |= {str(item) for item in (table.schema.metadata or {}).items()}
        for field in table.schema:
            if pa.types.is_string(field.type):
                collected |= set(table.column(field.name).drop_null().to_pylist())
    return collected


def test_places_are_recognised() -> None:
    for text in ("--out /work/a", '"/data"', "~/sweeps", r"C:\sweeps", "me@there", "s3://bucket/home/me"):
        assert PLACE.search(text), text
    assert not PLACE.search('"data/augment.py": "8ed0", "--size 64x112"')


@pytest.mark.parametrize("name", NAMES)
def test_no_machine_is_named(name: str) -> None:
    assert [text for text in texts(RECORDED_SWEEPS / name) if PLACE.search(text)] == []
    trials, epochs = (load(RECORDED_SWEEPS / name).arrow(table) for table in ("trials", "epochs"))
    for column in (*DROPPED, "host"):
        assert trials.column(column).null_count == len(trials)
    assert epochs.column("host").null_count == epochs.column("at").null_count == len(epochs)


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_has_all_its_curves(name: str) -> None:
    sweep = load(RECORDED_SWEEPS / name)
    trials = sweep.trials
    assert set(trials["status"]) == {"COMPLETE"}
    searched = trials[trials["role"] == "arm"]
    assert (searched.groupby("arm_key").size() == 2).all()
    counted = sweep.epochs.dropna(subset="selection_iou").groupby("trial_key")["epoch"].agg(["min", "max", "size"])
    assert counted.loc[list(trials["trial_key"])].drop_duplicates().to_numpy().tolist() == [[1, 9, 9]]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_world(name: str) -> None:
    world = recorded_world(RECORDED_SWEEPS / name)
    cells = list(world.space.cells())
    assert (world.name, world.most_replicates, world.left_out, world.base.epochs) == (name, 2, 0, 9)
    assert len(cells) == ARMS.get(name, len(cells))
    trials = load(RECORDED_SWEEPS / name).trials.set_index("arm_key")
    for cell in cells:
        recorded = trials.loc[[arm_key(world.space.config(world.base, cell, seed=3))]]
        recorded = recorded[recorded["role"] == "arm"]
        assert world.quality(cell) == pytest.approx(recorded["selection_iou"].mean(), abs=1e-12)
        assert world.test_quality(cell) == pytest.approx(recorded["test_iou"].mean(), abs=1e-12)
    assert world.best == max(world.quality(cell) for cell in cells)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_small(name: str) -> None:
    assert sum(path.stat().st_size for path in (RECORDED_SWEEPS / name).rglob("*") if path.is_file()) < 200_000


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_whole(name: str) -> None:
    SweepDescription.model_validate(load(RECORDED_SWEEPS / name).description)
    # A report of a sweep leaves a note in `state`, which git ignores.
    assert {path.name for path in (RECORDED_SWEEPS / name).iterdir()} - {"state"} == {"sweep.json", *TABLES}


def test_a_description_keeps_no_place() -> None:
    description = json.loads((RECORDED_SWEEPS / NAMES[0] / "sweep.json").read_text())
    description["command"] = "seatbelt sweep labels --data '/work/my data/belts' --out s3://secret/sweeps --size 64x112"
    description["data"] = [{"path": "/work/my data/belts", "name": "belts", "fingerprint": "f"}]
    stripped = without_places(SweepDescription.model_validate({**description, "weights_folder": "/work/weights"}))
    assert stripped.command == "seatbelt sweep labels --data belts --out sweeps --size 64x112"
    assert (stripped.data[0].path, stripped.data[0].fingerprint, stripped.weights_folder) == ("belts", "f", None)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["best", "effects", "rungs"])
def test_commands_read_them(command: str) -> None:
    for name in NAMES:
        assert answer(command, str(RECORDED_SWEEPS / name))
